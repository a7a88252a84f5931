"""`/library` for one SFTP connection: who may `library` lists and gets, who has the right
`library: write` puts. What is put is a new version, whole at its close; the versions before it stay
as they are and are there as NAME@VERSION.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import asyncssh

from commands.language.desk.library import LibraryRow
from commands.language.errors import Failed, FirelineError, NotUnderstood, Refused
from commands.language.visible import visible
from commands.library import Library
from server.audit.records import Note
from server.doors import sftp_answers as answers
from server.doors.sftp_desk import SftpDesk
from server.doors.sftp_stored import OpenStored
from server.live.device_files import Wanted
from server.live.file_record import SentBytes
from server.live.library import NAME, LibraryRoom
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.rooms import Rooms

HELD = 8
"""Pieces on their way to the disk."""


class LibraryBranch:
    """The library, as files."""

    def __init__(
        self, broker: "Rooms", responder: Responder, desk: SftpDesk, tell: Callable[[str], None]
    ) -> None:
        self._broker, self._responder = broker, responder
        self._desk, self._tell = desk, tell

    async def may_list(self) -> bool:
        try:
            await self._need("")
        except FirelineError:
            return False
        return True

    async def files(self) -> list[asyncssh.SFTPName]:
        """The newest version of every name."""
        await self._need("")
        (await self._desk.record()).once("list", "/library")
        rows = await self._broker.library.rows()
        return [answers.named(row.name.encode(), _attrs(row)) for row in rows]

    async def attrs(self, name: str) -> asyncssh.SFTPAttrs:
        await self._need("")
        return _attrs(await self._version(name))

    async def open(self, name: str) -> OpenStored:
        await self._need("")
        row = await self._version(name)
        record = await self._desk.record()
        descriptor = await asyncio.to_thread(self._broker.library.open, row.sha256)
        try:
            sent = SentBytes(record, f"/library/{row.name}@{row.version}")
            return OpenStored(descriptor, sent, self.may_list)
        except BaseException:
            os.close(descriptor)
            raise

    async def open_to_write(self, name: str, wanted: Wanted) -> "LibraryUpload":
        await self._need("library:write")
        if not NAME.fullmatch(name):
            raise NotUnderstood(
                f"{visible(name)[:80]} is no library name: letters, digits, . _ - + and blanks"
            )
        there = any(row.name.lower() == name.lower() for row in await self._broker.library.rows())
        if not there and not wanted.create:
            raise answers.no_such_file()
        if there and (wanted.exclusive or wanted.append):
            raise Refused(f"{name} is in the library, and a version never changes; put it whole")
        session, _ = await self._desk.opened()
        person = self._responder.person
        await session.journal.append(Note(text=f"{person} adds /library/{name} by sftp"))
        return LibraryUpload(self._broker.library, name, person, self._tell)

    async def set(self, name: str) -> None:
        """A version has the time at which it came and no mode: a client that sets them after its
        put is told that it is well, and nothing is changed."""
        await self._need("library:write")
        await self._version(name)

    async def _version(self, name: str) -> LibraryRow:
        try:
            return await self._broker.library.version(name)
        except FirelineError:
            raise answers.no_such_file() from None

    async def _need(self, right: str) -> None:
        session, _ = await self._desk.opened()
        sessions = self._broker.sessions
        if right:
            judged = sessions.decide_right(session, "library", right)
        else:
            judged = sessions.decide(session, Library.spec, None)
        if judged.error is not None:
            raise judged.error


class LibraryUpload:
    """A file on its way into the library, from its start to its end."""

    def __init__(
        self, library: LibraryRoom, name: str, person: str, tell: Callable[[str], None]
    ) -> None:
        self._name, self._tell = name, tell
        self._size = 0
        self._turn = asyncio.Lock()
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(HELD)
        self._adding = asyncio.create_task(library.add(name, "", person, self._data()))

    async def attrs(self) -> asyncssh.SFTPAttrs:
        attrs = answers.of_nothing()
        attrs.size = self._size
        return attrs

    async def read(self, offset: int, length: int) -> bytes:
        raise Refused("the file is open for writing")

    async def write(self, offset: int, data: bytes) -> None:
        async with self._turn:
            if offset != self._size:
                raise Refused("a library file is written from its start to its end")
            if data:
                self._size += len(data)
                await self._give(data)

    async def set(self, facts: answers.Facts) -> None:
        if facts.size not in (None, self._size):
            raise Refused("a library file is as long as what was written")

    async def sync(self) -> None:
        return  # it is synced when it is closed, and not there before

    async def close(self) -> None:
        async with self._turn:
            await self._give(b"")
            row, notes = await self._adding
        for note in notes:
            self._tell(f"{row.name}@{row.version}: {note}")

    async def drop(self) -> None:
        self._adding.cancel()
        await asyncio.wait({self._adding})

    async def _give(self, data: bytes) -> None:
        """To the library, unless that has failed already."""
        giving = asyncio.ensure_future(self._pieces.put(data))
        await asyncio.wait({giving, self._adding}, return_when=asyncio.FIRST_COMPLETED)
        if not giving.done():
            giving.cancel()
        if self._adding.done() and data:
            self._adding.result()
            raise Failed(f"{self._name} ended before its bytes did")

    async def _data(self) -> AsyncIterator[bytes]:
        while data := await self._pieces.get():
            yield data


def _attrs(row: LibraryRow) -> asyncssh.SFTPAttrs:
    attrs = answers.of_nothing()
    attrs.size = row.size
    attrs.atime = attrs.mtime = 0 if row.added is None else row.added // 1000
    return attrs
