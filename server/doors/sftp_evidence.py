"""`/evidence` and the list of devices, for one SFTP connection; reading evidence is journaled."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import asyncssh

from server.audit.records import Note
from server.doors import sftp_answers as answers
from server.doors.sftp_read_only import ReadOnly
from server.evidence.shelf import Shelf
from server.identity.access import may_see
from server.live.file_record import FileRecord, SentBytes
from server.live.read_ahead import ReadAhead
from server.live.responder import Responder
from server.live.session import Session

if TYPE_CHECKING:
    from server.live.rooms import Rooms

PIECE = 262_144
JUDGED_S = 1.0


class EvidenceBranch:
    """What lies on the broker; its reading stands in the connection's desk session."""

    def __init__(self, broker: "Rooms", responder: Responder) -> None:
        self._broker, self._responder = broker, responder
        self._shelf = Shelf(broker.journal, lambda: broker.access.rules, broker.inventory)
        self._opening = asyncio.Lock()
        self._desk: tuple[Session, FileRecord] | None = None

    async def devices(self) -> list[str]:
        """The devices that the person may see."""
        _, record = await self._recorded()
        record.once("list", "/devices")
        rules, person = self._broker.access.rules, self._responder.person
        found = self._broker.inventory.all()
        return [d.name for d in found if not d.revoked and may_see(rules, person, d.ref)]

    async def sessions(self) -> list[asyncssh.SFTPName]:
        _, record = await self._recorded()
        record.once("list", "/evidence")
        entries = []
        for name, facts in await asyncio.to_thread(self._shelf.sessions):
            if await self._shelf.may_see(self._responder.person, name):
                entries.append(answers.named(name.encode(), answers.of_evidence(facts)))
        return entries

    async def files(self, session: str) -> list[asyncssh.SFTPName]:
        record = await self._seen(session)
        record.once("list", f"/evidence/{session}")
        return [
            answers.named(name.encode(), answers.of_evidence(facts))
            for name, facts in await asyncio.to_thread(self._shelf.files, session)
        ]

    async def attrs(self, session: str, file: str | None) -> asyncssh.SFTPAttrs:
        record = await self._seen(session)
        record.once("stat", f"/evidence/{session}" + (f"/{file}" if file is not None else ""))
        if file is None:
            return answers.of_evidence(await asyncio.to_thread(self._shelf.stat, session))
        descriptor = await asyncio.to_thread(self._shelf.open, session, file)
        try:
            return answers.of_evidence(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    async def open(self, session: str, file: str) -> "OpenEvidence":
        await self._seen(session)
        desk, record = await self._recorded()
        path = f"/evidence/{session}/{file}"
        descriptor = await asyncio.to_thread(self._shelf.open, session, file)
        try:
            await desk.journal.append(Note(text=f"{self._responder.person} reads {path} by sftp"))
            person = self._responder.person
            return OpenEvidence(
                descriptor, SentBytes(record, path), lambda: self._shelf.may_see(person, session)
            )
        except BaseException:
            os.close(descriptor)
            raise

    def end(self, reason: str) -> None:
        if self._desk is not None:
            self._broker.sessions.end_soon(self._desk[0], reason)

    async def _seen(self, session: str) -> FileRecord:
        """The record to write to, if the person may see the session's evidence."""
        if not await self._shelf.may_see(self._responder.person, session):
            raise answers.no_such_file()
        return (await self._recorded())[1]

    async def _recorded(self) -> tuple[Session, FileRecord]:
        async with self._opening:
            if self._desk is None:
                session = await self._broker.sessions.open(self._responder, None)
                self._desk = session, FileRecord(session.journal.recording)
            return self._desk


class OpenEvidence(ReadOnly):
    """A file of the evidence, open for reading."""

    def __init__(
        self, descriptor: int, sent: SentBytes, may_still: Callable[[], Awaitable[bool]]
    ) -> None:
        self._descriptor, self._sent, self._may_still = descriptor, sent, may_still
        self._judged = asyncio.get_running_loop().time()
        self._facts = os.fstat(descriptor)
        self._ahead = ReadAhead(self._pread, self._facts.st_size)

    async def attrs(self) -> asyncssh.SFTPAttrs:
        return answers.of_evidence(self._facts)

    async def read(self, offset: int, length: int) -> bytes:
        now = asyncio.get_running_loop().time()
        if now - self._judged >= JUDGED_S:
            if not await self._may_still():
                raise answers.no_such_file()
            self._judged = now
        data = await self._ahead.read(offset, max(1, min(length, PIECE)))
        if data:
            await self._sent.add(offset, data)
        return data

    async def close(self) -> None:
        await self._ahead.rest()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            await self._sent.end()

    async def _pread(self, offset: int, length: int) -> bytes:
        return await asyncio.to_thread(os.pread, self._descriptor, length, offset)
