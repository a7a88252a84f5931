"""`/sessions` for one SFTP connection: recordings as asciicasts, for who may see them.

1. Seen is what `/evidence` shows of a session, and the desk's own for who may `replay`.
2. A cast is made from the recording when it is asked for, into a file without a name; only then is
   its size known, so a list has none.
3. Opening one is a look like `replay`'s, and in the journal before a byte of it is sent.
"""

import asyncio
import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import asyncssh

from commands.replay import Replay
from server.audit.records import Replayed
from server.doors import sftp_answers as answers
from server.doors.replaying import cast_lines, some_lines
from server.doors.sftp_desk import SftpDesk
from server.doors.sftp_paths import CAST
from server.doors.sftp_stored import OpenStored
from server.evidence.shelf import LISTED, SESSION, Shelf
from server.live.file_record import SentBytes
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.rooms import Rooms


class RecordingsBranch:
    """The recordings, as casts."""

    def __init__(self, broker: "Rooms", responder: Responder, desk: SftpDesk, shelf: Shelf) -> None:
        self._broker, self._responder = broker, responder
        self._desk, self._shelf = desk, shelf
        self._made: tuple[tuple[str, int], IO[bytes]] | None = None
        """The last cast and what it was made from: a client looks at it, then opens it."""

    async def files(self) -> list[asyncssh.SFTPName]:
        (await self._desk.record()).once("list", "/sessions")
        found = []
        for session, facts in await asyncio.to_thread(self._recordings):
            if await self._may_see(session):
                attrs = answers.of_stored(facts)
                attrs.size = None
                found.append(answers.named(f"{session}{CAST}".encode(), attrs))
        return found

    async def attrs(self, session: str) -> asyncssh.SFTPAttrs:
        file = await self._cast(session)
        attrs = answers.of_stored(os.fstat(file.fileno()))
        times = await asyncio.to_thread(self._path(session).stat)
        attrs.atime = attrs.mtime = int(times.st_mtime)
        return attrs

    async def open(self, session: str) -> OpenStored:
        file = await self._cast(session)
        desk, record = await self._desk.opened()
        await desk.journal.append(Replayed(by=self._responder.person, of=session))
        sent = SentBytes(record, f"/sessions/{session}{CAST}")
        return OpenStored(os.dup(file.fileno()), sent, lambda: self._may_see(session))

    def end(self) -> None:
        if self._made is not None:
            self._made[1].close()
        self._made = None

    async def _cast(self, session: str) -> IO[bytes]:
        if not await self._may_see(session):
            raise answers.no_such_file()
        path = self._path(session)
        size = (await asyncio.to_thread(path.stat)).st_size
        if self._made is None or self._made[0] != (session, size):
            with contextlib.ExitStack() as undo:
                file = undo.enter_context(tempfile.TemporaryFile(dir=path.parent, buffering=0))
                lines = cast_lines(path, None, raw=False)
                while data := await asyncio.to_thread(some_lines, lines):
                    await asyncio.to_thread(file.write, data)
                undo.pop_all()
            self.end()
            self._made = (session, size), file
        return self._made[1]

    async def _may_see(self, session: str) -> bool:
        if not SESSION.fullmatch(session):
            return False
        if await self._shelf.may_see(self._responder.person, session):
            return True
        desk, _ = await self._desk.opened()
        may_replay = self._broker.sessions.decide(desk, Replay.spec, None).error is None
        return may_replay and await self._shelf.is_desks(session)

    def _path(self, session: str) -> Path:
        return self._broker.journal.folders.recording(session)

    def _recordings(self) -> list[tuple[str, os.stat_result]]:
        """The newest recordings, whoever's."""
        folder = self._path("S1").parent
        with os.scandir(folder) as entries:
            names = [entry.name.removesuffix(".rec") for entry in entries]
        names = sorted((n for n in names if SESSION.fullmatch(n)), key=lambda n: -int(n[1:]))
        found = [(name, os.lstat(folder / f"{name}.rec")) for name in names[:LISTED]]
        return [(name, facts) for name, facts in found if stat.S_ISREG(facts.st_mode)]
