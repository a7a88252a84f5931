"""The commands of a session, running and ended."""

from collections.abc import AsyncIterator
from typing import Annotated, Protocol

from commands.language.items import Column, Integer, Item, Row, Time


class JobRow(Row):
    """One command of the session."""

    number: Annotated[Integer, Column(1, identity=True)]
    state: Annotated[str, Column(1)]
    command: Annotated[str, Column(2, elastic=True)]
    started: Annotated[Time, Column(3)]
    took_s: Annotated[float | None, Column(3)] = None
    rows: Annotated[Integer, Column(4)] = 0
    bytes: Annotated[Integer, Column(5, size=True)] = 0
    message: Annotated[str, Column(6)] = ""


class Jobs(Protocol):
    """The session's commands by their numbers."""

    def rows(self) -> AsyncIterator[JobRow]:
        """Those still running, behind or away."""
        ...

    def log(self) -> AsyncIterator[JobRow]:
        """Every command of the session, in order."""
        ...

    def result(self, number: int) -> AsyncIterator[Item]:
        """The kept result of a command, while it runs too; ends with its Done."""
        ...

    async def cancel(self, number: int) -> str:
        """Asks the device to stop it; the device's answer as a sentence."""
        ...
