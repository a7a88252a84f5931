"""Programs that a command starts on the device: scripts and tools, in the command's own group."""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

from commands.language.names import Name


class Program(Protocol):
    """A running program; all that it starts stays in the command's group."""

    @property
    def pid(self) -> int: ...

    @property
    def notes(self) -> Sequence[str]:
        """What was done to the script so that its interpreter reads it right; mostly nothing."""
        ...

    def page(self, where: Literal["stdout", "stderr"]) -> str:
        """The code page of the piece of output that was given last, as a Python codec: `cp850`."""
        ...

    def output(self) -> AsyncIterator[tuple[Literal["stdout", "stderr"], bytes]]:
        """Its output as it comes. Ends when the main process has ended and what it had written
        is read, whoever else still holds the pipes."""
        ...

    async def wait(self) -> int:
        """Its exit status; a signal on Linux is its negative number, Windows has all 32 bits."""
        ...

    async def interrupt(self) -> bool:
        """Asks the whole group to end (INT; a break event on Windows); False: it cannot be."""
        ...

    async def kill(self) -> None:
        """Ends the whole group by force."""
        ...

    async def left(self) -> list[str]:
        """What still runs of the group: `pid name`, with its start where known, one each."""
        ...

    async def leave(self) -> None:
        """Takes what still runs out of the command's group, so that it outlives the session."""
        ...


class Programs(Protocol):
    """Starting."""

    async def start(
        self, script: Name, arguments: Sequence[str], *, may_outlive: bool = False
    ) -> Program:
        """Starts a file of the session folder with its interpreter (by shebang or name), standard
        input at its end, a root login's environment, in the session folder. `may_outlive`: what
        it starts may be left (`leave`), which Windows has to know before the start."""
        ...
