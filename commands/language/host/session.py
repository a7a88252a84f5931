"""The session's own folder on the device: private, random name, wiped at the session's end."""

from typing import Protocol

from commands.language.names import Name


class SessionFolder(Protocol):
    """Put files and scripts live here; `run` starts here."""

    @property
    def path(self) -> Name: ...

    async def place(self, name: Name) -> Name:
        """The whole path of a file directly in the folder; refuses a name that is a path."""
        ...

    async def keep(self, path: Name) -> Name:
        """Takes a file out of what is wiped; gives its new whole path."""
        ...

    async def listing(self) -> dict[str, tuple[int, int]]:
        """Name -> (size, modified ns) of the plain files directly in it."""
        ...
