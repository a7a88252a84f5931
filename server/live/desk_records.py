"""The journal, as a person may read it."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from commands.language.desk.records import SessionRow, Verdict
from commands.language.items import Time
from commands.language.visible import visible
from server.audit import clock

if TYPE_CHECKING:
    from server.live.rooms import Rooms
    from server.live.session import Session


class DeskRecords:
    """Implements `commands.language.desk.records.Records`."""

    def __init__(self, broker: "Rooms", session: "Session") -> None:
        self._broker, self._session = broker, session

    async def sessions(self) -> AsyncIterator[SessionRow]:
        for summary in await self._broker.journal.sessions():
            yield SessionRow(
                session=summary.session,
                device=summary.device,
                person=summary.person,
                started=Time(clock.ms(summary.started)),
                length=summary.length_s,
                commands=summary.commands,
                state=summary.state,
                door=summary.door,
                comment=visible(summary.comment),
            )

    async def verify(self, session: str) -> Verdict:
        verdict = await self._broker.verify(session)
        return Verdict(session=session, ok=verdict.ok, lines=list(verdict.lines))

    async def history(self) -> list[str]:
        return await self._broker.history(self._session.person)
