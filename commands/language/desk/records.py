"""The journal, as people may read it."""

from collections.abc import AsyncIterator
from typing import Annotated, Protocol

from commands.language.items import Column, Integer, Row, Time


class SessionRow(Row):
    """One session."""

    session: Annotated[str, Column(1, identity=True)]
    device: Annotated[str, Column(1)]
    person: Annotated[str, Column(1)]
    started: Annotated[Time, Column(2)]
    length: Annotated[float | None, Column(3, duration=True)] = None
    commands: Annotated[Integer, Column(3)] = 0
    state: Annotated[str, Column(2)] = ""
    door: Annotated[str, Column(wide=True)] = ""
    comment: Annotated[str, Column(wide=True)] = ""


class Verdict(Row):
    """What verification of one session found: `lines` as shown, `ok` as decided."""

    session: Annotated[str, Column(1, identity=True)]
    ok: Annotated[bool, Column(1)]
    lines: Annotated[list[str], Column(2)]


class Records(Protocol):
    """Sessions, their verification, a person's own history."""

    def sessions(self) -> AsyncIterator[SessionRow]:
        """Newest first; what was done at the desk has the device `-`."""
        ...

    async def verify(self, session: str) -> Verdict: ...

    async def history(self) -> list[str]:
        """The person's own lines, newest last, without those that began with a blank."""
        ...
