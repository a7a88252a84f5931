"""What a running command is shown on."""

from typing import Protocol

from server.live.render import Shown


class Face(Protocol):
    """Where it is shown."""

    def show(self, shown: Shown) -> None: ...
    def redraw(self, line: str) -> None:
        """Puts a line in the place of the one drawn so before; empty takes it away."""
        ...

    async def drain(self) -> None: ...
