"""`/evidence` and the list of devices, for one SFTP connection; reading evidence is journaled."""

import asyncio
import os
from typing import TYPE_CHECKING

import asyncssh

from server.audit.records import Note
from server.doors import sftp_answers as answers
from server.doors.sftp_desk import SftpDesk
from server.doors.sftp_stored import OpenStored
from server.evidence.shelf import Shelf
from server.identity.access import may_see
from server.live.file_record import FileRecord, SentBytes
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.rooms import Rooms


class EvidenceBranch:
    """What lies on the broker; its reading stands in the connection's desk session."""

    def __init__(self, broker: "Rooms", responder: Responder, desk: SftpDesk, shelf: Shelf) -> None:
        self._broker, self._responder = broker, responder
        self._desk, self._shelf = desk, shelf

    async def devices(self) -> list[str]:
        """The devices that the person may see."""
        record = await self._desk.record()
        record.once("list", "/devices")
        rules, person = self._broker.access.rules, self._responder.person
        found = self._broker.inventory.all()
        return [d.name for d in found if not d.revoked and may_see(rules, person, d.ref)]

    async def sessions(self) -> list[asyncssh.SFTPName]:
        record = await self._desk.record()
        record.once("list", "/evidence")
        entries = []
        for name, facts in await asyncio.to_thread(self._shelf.sessions):
            if await self._shelf.may_see(self._responder.person, name):
                entries.append(answers.named(name.encode(), answers.of_stored(facts)))
        return entries

    async def files(self, session: str) -> list[asyncssh.SFTPName]:
        record = await self._seen(session)
        record.once("list", f"/evidence/{session}")
        return [
            answers.named(name.encode(), answers.of_stored(facts))
            for name, facts in await asyncio.to_thread(self._shelf.files, session)
        ]

    async def attrs(self, session: str, file: str | None) -> asyncssh.SFTPAttrs:
        record = await self._seen(session)
        record.once("stat", f"/evidence/{session}" + (f"/{file}" if file is not None else ""))
        if file is None:
            return answers.of_stored(await asyncio.to_thread(self._shelf.stat, session))
        descriptor = await asyncio.to_thread(self._shelf.open, session, file)
        try:
            return answers.of_stored(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    async def open(self, session: str, file: str) -> "OpenStored":
        await self._seen(session)
        desk, record = await self._desk.opened()
        path = f"/evidence/{session}/{file}"
        descriptor = await asyncio.to_thread(self._shelf.open, session, file)
        try:
            await desk.journal.append(Note(text=f"{self._responder.person} reads {path} by sftp"))
            person = self._responder.person
            return OpenStored(
                descriptor, SentBytes(record, path), lambda: self._shelf.may_see(person, session)
            )
        except BaseException:
            os.close(descriptor)
            raise

    async def _seen(self, session: str) -> FileRecord:
        """The record to write to, if the person may see the session's evidence."""
        if not await self._shelf.may_see(self._responder.person, session):
            raise answers.no_such_file()
        return await self._desk.record()
