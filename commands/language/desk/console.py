"""The responder's own terminal, for the words that act on it."""

from typing import Protocol

from commands.language.desk import Desk


class Console(Protocol):
    """Where the responder stands, and the screen in front of him."""

    @property
    def desk(self) -> Desk: ...

    async def connect(self, name: str) -> None:
        """Opens a session; the line's `-comment` serves it."""
        ...

    async def run_on(
        self, selector: str, line: str, stage: str | None = None, stop: str | None = None
    ) -> None:
        """One line in a session of its own on each device meant."""
        ...

    async def attach(self, session: str) -> None: ...

    async def look_on(self, session: str) -> None:
        """Shows another's session while it goes on."""
        ...

    async def ask_for(self, session: str) -> None:
        """Asks another to hand his session over, and goes into it."""
        ...

    async def let_in(self, person: str, yes: bool) -> None:
        """The answer to who asks for this session."""
        ...

    async def detach(self) -> None:
        """Leaves the session open, with its jobs, for later `attach`."""
        ...

    async def disconnect(self) -> None:
        """Ends the session and goes back to `fireline>`."""
        ...

    async def leave(self) -> None:
        """`exit`: to `fireline>` where one came from there, else closes the connection."""
        ...

    async def trace(self, on: bool | None) -> None:
        """Debug output on or off; None is the other of the two."""
        ...

    async def clear(self) -> None: ...

    async def foreground(self, number: int) -> None: ...

    async def replay(
        self, session: str, *, speed: float, idle: float | None, output: str | None, raw: bool
    ) -> None: ...
