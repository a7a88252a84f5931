"""A device's files as one SFTP connection sees them: judged, recorded, through a stream of its own.

1. The session opens with the first request, not before; a device that may not be seen is one that
   does not exist.
2. Listing and looking need the right of `dir`, reading that of `getfile`, writing that of `putfile`
   at every request (while a file is read or written, once a second): rules that change take effect
   on what is open.
3. What changes the device is a record before the device hears of it (change_record.py). What this
   connection did not make is changed only where the rule has `overwrite: allow`.
"""

import asyncio
import errno
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands.language import wire
from commands.language.command import find
from commands.language.errors import Failed, FirelineError, NotUnderstood, Refused, Unreachable
from commands.language.names import Name, is_whole
from commands.putfile import PutFile
from server.live import second_person
from server.live.change_record import ChangeRecord
from server.live.device_upload import DeviceUpload
from server.live.device_words import not_here
from server.live.file_record import FileRecord, SentBytes
from server.live.files_user import PIECE, FilesUser, Opened
from server.live.inventory import Device
from server.live.read_ahead import ReadAhead
from server.live.responder import Responder
from server.live.session import Session
from server.live.start_up import refuse_start_up

if TYPE_CHECKING:
    from server.live.sessions import Sessions

JUDGED_S = 1.0
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


@dataclass(frozen=True)
class Wanted:
    """How a file is opened for writing."""

    create: bool
    exclusive: bool
    truncate: bool
    append: bool
    read: bool
    mode: int | None


class DeviceFiles:
    """One device, for one connection."""

    def __init__(self, sessions: "Sessions", responder: Responder, device: Device) -> None:
        self._sessions, self._responder, self.device = sessions, responder, device
        self._opening = asyncio.Lock()
        self._session: Session | None = None
        self._record: FileRecord | None = None
        self._changes: ChangeRecord | None = None
        self._user: FilesUser | None = None

    async def is_there(self, word: str, path: Name) -> bool:
        """Whether something is at a path, asked by who has the word's right to it."""
        user, record = await self._ready(word, path)
        record.once("stat", path)
        try:
            await user.stat(path, follow=False)
        except FirelineError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in ABSENT:
                return False
            raise
        return True

    async def stat(self, path: Name, *, follow: bool) -> wire.FileFacts:
        user, record = await self._ready("dir", path)
        record.once("stat", path)
        return await user.stat(path, follow=follow)

    async def home(self) -> Name:
        """The account's home there: a whole path, or it is none."""
        user, record = await self._ready("dir", Name("~"))
        home = await user.home()
        if not is_whole(home, windows=self.device.platform == "windows"):
            self.lied(f"said that its home is {home[:100]}")
            raise Failed(f"{self.device.name} gave no whole path as its home")
        record.once("stat", home)
        return home

    async def list(self, path: Name) -> AsyncIterator[list[wire.FileFacts]]:
        """The entries in parts; folders of any size in bounded memory."""
        user, record = await self._ready("dir", path)
        record.once("list", path)
        async for part in user.list(path):
            yield part

    async def read_link(self, path: Name) -> bytes:
        """What a link says, as its bytes are; nobody follows it."""
        user, record = await self._ready("dir", path)
        record.once("stat", path)
        return await user.read_link(path)

    async def open(self, path: Name) -> "DeviceFile":
        user, record = await self._ready("getfile", path)
        return DeviceFile(self, user, await user.open(path), SentBytes(record, path))

    async def open_to_write(self, path: Name, wanted: Wanted) -> DeviceUpload:
        user, record, changes, rule = await self._ready_to_change(path)
        if wanted.read:
            self.judge("getfile")
        number = await changes.begun("write", path, rule)
        try:
            answer = await user.one(
                lambda n: wire.OpenWrite(
                    id=n,
                    path=path,
                    create=wanted.create,
                    exclusive=wanted.exclusive,
                    truncate=wanted.truncate,
                    append=wanted.append,
                    overwrite=self._may_overwrite(),
                    mode=wanted.mode,
                )
            )
        except FirelineError as error:
            await changes.ended(number, error)
            raise
        return DeviceUpload(
            user, path, answer.handle, changes, number, self.judge, lambda: SentBytes(record, path)
        )

    async def make_folder(self, path: Name, mode: int | None) -> None:
        user, _, changes, rule = await self._ready_to_change(path)
        async with changes.of("mkdir", path, rule):
            await user.one(lambda n: wire.MakeFolder(id=n, path=path, mode=mode))

    async def move(self, path: Name, to: Name, *, replace: bool) -> None:
        await self._ready_to_change(to)
        user, _, changes, rule = await self._ready_to_change(path)
        overwrite = self._may_overwrite()
        async with changes.of("rename", path, rule, to):
            await user.one(
                lambda n: wire.Rename(id=n, path=path, to=to, replace=replace, overwrite=overwrite)
            )

    async def set(
        self, path: Name, size: int | None, mode: int | None, times: tuple[int, int] | None
    ) -> None:
        """Of what this connection made."""
        user, _, changes, rule = await self._ready_to_change(path)
        atime, mtime = times or (None, None)
        async with changes.of("set", path, rule):
            await user.one(
                lambda n: wire.SetFacts(
                    id=n, path=path, size=size, mode=mode, atime=atime, mtime=mtime
                )
            )

    def judge(self, word: str) -> str:
        """Raises what the rules, the device's policy or its absence say to the word, now; gives
        the rule that allows it."""
        self._sessions.visible_device(self._responder.person, self.device.name)
        spec = find(word)
        session = self._session
        if spec is None or session is None:
            raise TypeError(word)
        judged = self._sessions.decide(session, spec.spec, self.device)
        if judged.error is not None:
            raise judged.error
        if reason := not_here(self.device, spec.spec):
            raise Refused(reason)
        broker, person = self._sessions.broker, self._responder.person
        second_person.refuse_alone(broker, person, spec.spec, self.device)
        session.touch()
        return judged.rule_text

    def _may_overwrite(self) -> bool:
        session = self._session
        assert session is not None
        right = self._sessions.decide_right(session, "putfile", "overwrite:allow", self.device)
        return right.error is None

    async def _ready_to_change(self, path: Name) -> tuple[FilesUser, FileRecord, ChangeRecord, str]:
        user, record = await self._ready("putfile", path)
        assert self._changes is not None and self._session is not None
        try:
            refuse_start_up(self._session, self.device, path)
            radius = self._sessions.broker.radius
            await radius.changes(self._responder.person, PutFile.spec, self.device)
        except FirelineError as error:
            record.once("refused", path, error.shown()[:500])
            raise
        return user, record, self._changes, self.judge("putfile")

    def lied(self, what: str) -> None:
        """Journals what the device claims against the form of things."""
        self._sessions.violated(self.device, what)

    def end(self, reason: str) -> None:
        """Ends the session; what it still has to write is awaited by the sessions' owner."""
        if self._session is not None:
            self._sessions.end_soon(self._session, reason)

    async def _ready(self, word: str, path: Name) -> tuple[FilesUser, FileRecord]:
        if len(path) > 4096:
            raise NotUnderstood("the path is too long")
        async with self._opening:
            record = await self._opened()
            try:
                self.judge(word)
            except FirelineError as error:
                record.once("refused", path, error.shown()[:500])
                raise
            return await self._served(), record

    async def _opened(self) -> FileRecord:
        if self._session is None or self._record is None:
            name = self.device.name
            if not self._responder.comment and self._sessions.comment_needed(self._responder, name):
                raise Refused(
                    f"a session on {name} needs a comment; give it with "
                    "-o SetEnv='FIRELINE_COMMENT=\"CASE and reason\"'"
                )
            self._session = await self._sessions.open(self._responder, name)
            self._record = FileRecord(self._session.journal.recording)
            self._changes = ChangeRecord(self._session.journal)
        if self._session.sealing:
            raise Unreachable(f"{self._session.id} on {self.device.name} has ended; connect again")
        return self._record

    async def _served(self) -> FilesUser:
        """The stream's user; a stream that is gone is asked for anew, its open files are not."""
        session = self._session
        assert session is not None
        if self._user is None or self._user.gone:
            stream = await session.streams.dialled()
            if not stream.alive:
                raise Unreachable(f"{self.device.name}: {stream.gone_reason}")
            self._user = FilesUser(stream, self.device.name)
        return self._user


class DeviceFile:
    """A file open for reading."""

    def __init__(
        self,
        files: DeviceFiles,
        user: FilesUser,
        opened: Opened,
        sent: SentBytes,
    ) -> None:
        self.size, self._handle = opened.size, opened.handle
        self._files, self._user, self._sent = files, user, sent
        self._ahead = ReadAhead(
            lambda at, length: user.read(opened.handle, at, length), opened.size, opened.whole
        )
        self._judged = asyncio.get_running_loop().time()

    async def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes, recorded; none at the end."""
        now = asyncio.get_running_loop().time()
        if now - self._judged >= JUDGED_S:
            self._files.judge("getfile")
            self._judged = now  # only what was allowed holds for the second
        data = await self._ahead.read(offset, max(1, min(length, PIECE)))
        if data:
            await self._sent.add(offset, data)
        return data

    async def close(self) -> None:
        self._ahead.drop()
        await self._sent.end()
        self._user.close_soon(self._handle)
