"""The desk session of one SFTP connection: what it does outside of devices stands there."""

import asyncio
from typing import TYPE_CHECKING

from server.live.file_record import FileRecord
from server.live.responder import Responder
from server.live.session import Session

if TYPE_CHECKING:
    from server.live.rooms import Rooms


class SftpDesk:
    """Opened with the first thing that is asked of it; ended once."""

    def __init__(self, broker: "Rooms", responder: Responder) -> None:
        self._broker, self._responder = broker, responder
        self._opening = asyncio.Lock()
        self._opened: tuple[Session, FileRecord] | None = None

    async def opened(self) -> tuple[Session, FileRecord]:
        async with self._opening:
            if self._opened is None:
                session = await self._broker.sessions.open(self._responder, None)
                self._opened = session, FileRecord(session.journal.recording)
            return self._opened

    async def record(self) -> FileRecord:
        return (await self.opened())[1]

    def end(self, reason: str) -> None:
        if self._opened is not None:
            self._broker.sessions.end_soon(self._opened[0], reason)
