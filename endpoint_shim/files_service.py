"""`files`: an SFTP connection's requests on a stream of its own; answers go by id.

1. At most UNDER_WAY requests at once and HANDLES open; one more is the broker's fault.
2. The device's policy checks every path, as asked and as found, and each request as the word that
   does the same: what `getfile` or `dir` may not, this may not.
3. A list comes in several answers with `more`; while the stream has no room it waits.
4. What writes is in files_changes.py; a stream that ends drops what was not finished.
"""

import asyncio
import contextlib
import errno
import itertools
import os
import sys
from collections.abc import Callable, Coroutine, Iterator

from commands.language import wire
from commands.language.errors import Failed, FirelineError, NotUnderstood, Refused
from commands.language.host.files import FileHandle
from commands.language.names import Name, from_bytes, from_text, to_bytes
from endpoint_shim.batches import made
from endpoint_shim.files_changes import FilesChanges
from endpoint_shim.plain_file import PlainFile
from endpoint_shim.policy import Policy
from endpoint_shim.stream import Stream

UNDER_WAY = 64
HANDLES = 16
A_LIST = 200
WORDS: dict[type[wire.FileRequest], str] = {
    wire.Stat: "dir", wire.ListFolder: "dir", wire.Home: "dir", wire.ReadLink: "dir",
    wire.OpenFile: "getfile",
    wire.OpenWrite: "putfile", wire.MakeFolder: "putfile", wire.Rename: "putfile",
    wire.SetFacts: "putfile",
}  # fmt: skip
REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS)


class FilesService:
    """One stream's handles and requests."""

    def __init__(self, policy: Policy, stream: Stream) -> None:
        self._policy = policy
        self._stream = stream
        self._handles: dict[int, FileHandle] = {}
        self._changes = FilesChanges(policy, stream.took)
        self._filling: tuple[wire.Write, list[bytes]] | None = None
        self._left = 0
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._frees: set[asyncio.Task[None]] = set()
        self._opening = 0

    def request(self, message: wire.FileRequest | wire.Free) -> None:
        if self._filling is not None:
            self._stream.violation("a request where the bytes of a write belong")
            return
        if isinstance(message, wire.Write):
            self._filling, self._left = (message, []), message.length
            return
        self._begin(message, [])

    def data(self, data: bytes) -> None:
        """The bytes of a write, which is begun when it has all of them."""
        if self._filling is None or len(data) > self._left:
            self._stream.violation("bytes that no write announced")
            return
        message, frames = self._filling
        frames.append(data)
        self._left -= len(data)
        if self._left == 0:
            self._filling = None
            self._begin(message, frames)

    async def drop(self) -> None:
        """Nobody asks for anything any more: what was not finished is not there."""
        await self._changes.drop_all()

    def _begin(self, message: wire.FileRequest | wire.Free, frames: list[bytes]) -> None:
        if isinstance(message, wire.Free):  # has no answer, so it is none that the broker counts
            work, tasks = self._close(message.handles), self._frees
        else:
            work, tasks = self._answer(message, frames), self._tasks
        if len(tasks) == UNDER_WAY:
            work.close()
            self._stream.violation(f"more than {UNDER_WAY} file requests at once")
            return
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _answer(self, message: wire.FileRequest, frames: list[bytes]) -> None:
        try:
            await self._work(message, frames)
        except FirelineError as error:
            self._fail(message, str(error), error.code, _number(error))
        except OSError as error:
            code = Refused.code if error.errno in REFUSALS else Failed.code
            self._fail(message, error.strerror or str(error), code, error.errno or errno.EIO)

    def _work(self, message: wire.FileRequest, frames: list[bytes]) -> Coroutine[None, None, None]:
        if word := WORDS.get(type(message)):
            self._policy.check_word(word)
        match message:
            case wire.Stat():
                return self._stat(message)
            case wire.ListFolder():
                return self._list(message)
            case wire.Home():
                return self._home(message)
            case wire.ReadLink():
                return self._read_link(message)
            case wire.OpenFile():
                return self._open(message)
            case wire.Read():
                return self._read(message)
            case wire.OpenWrite():
                return self._open_to_write(message)
            case wire.Write():
                return self._change(self._changes.write(message, frames))
            case _:
                return self._change(self._changes.change(message))

    async def _change(self, work: Coroutine[None, None, wire.Answer]) -> None:
        self._say(await work)

    async def _open_to_write(self, message: wire.OpenWrite) -> None:
        self._refuse_many()
        self._opening += 1
        self._next += 1
        try:
            self._say(await self._changes.open(message, self._next))
        finally:
            self._opening -= 1

    def _refuse_many(self) -> None:
        if len(self._handles) + len(self._changes) + self._opening >= HANDLES:
            raise Refused(f"{HANDLES} files are open already on this connection")

    async def _stat(self, message: wire.Stat) -> None:
        if (written := self._changes.at(message.path)) is not None:
            found = await self._changes.facts(written)
        else:
            path = Name(message.path)
            found = await asyncio.to_thread(_facts, path, message.follow, self._policy)
        self._say(wire.Answer(id=message.id, files=[found]))

    async def _list(self, message: wire.ListFolder) -> None:
        source = _entries(Name(message.path), self._policy)
        part = await asyncio.to_thread(_part, source)
        while True:
            following = await asyncio.to_thread(_part, source) if len(part) == A_LIST else []
            await self._stream.wait_room()
            self._say(wire.Answer(id=message.id, files=part, more=bool(following)))
            if not following:
                return
            part = following

    async def _home(self, message: wire.Home) -> None:
        found = wire.FileFacts(name=await asyncio.to_thread(_home), mode=0)
        self._say(wire.Answer(id=message.id, files=[found]))

    async def _read_link(self, message: wire.ReadLink) -> None:
        said = await asyncio.to_thread(_link, Name(message.path), self._policy)
        self._say_bytes(wire.Answer(id=message.id), said)

    async def _open(self, message: wire.OpenFile) -> None:
        await self._close(message.closing)
        self._refuse_many()
        self._opening += 1
        try:
            handle, data, _ = await made(lambda: _opened(message, self._policy), lambda m: m[2]())
        finally:
            self._opening -= 1
        self._next += 1
        self._handles[self._next] = handle
        size = handle.size if handle.sized else None
        answer = wire.Answer(id=message.id, handle=self._next, files=_sized(size))
        if data:
            await self._stream.wait_room()
            self._say_bytes(answer, data)
        else:
            self._say(answer)

    async def _read(self, message: wire.Read) -> None:
        if message.handle in self._changes:
            data = await self._changes.read(message.handle, message.offset, message.length)
        else:
            data = await self._of(message.handle).read(message.offset, message.length)
        await self._stream.wait_room()
        self._say_bytes(wire.Answer(id=message.id), data)

    async def _close(self, numbers: list[int]) -> None:
        for number in numbers:
            if (handle := self._handles.pop(number, None)) is not None:
                await handle.close()
            await self._changes.drop(number)

    def _of(self, number: int) -> FileHandle:
        if number not in self._handles:
            raise NotUnderstood(f"no file is open under the number {number}")
        return self._handles[number]

    def _say_bytes(self, answer: wire.Answer, data: bytes) -> None:
        """The answer and its bytes follow one another: no await between."""
        answer.bytes = len(data)
        self._say(answer)
        self._stream.send_bytes(data)

    def _fail(self, message: wire.FileRequest, words: str, code: str, number: int) -> None:
        self._say(wire.Answer(id=message.id, error=words[:4096], code=code, errno=number))

    def _say(self, answer: wire.Answer) -> None:
        self._stream.send(answer)


def _facts(path: Name, follow: bool, policy: Policy) -> wire.FileFacts:
    if sys.platform == "win32":
        from endpoint_shim.windows.stats import facts_at

        return facts_at(path, follow, policy)
    from endpoint_shim.linux.stats import facts_at

    return facts_at(to_bytes(path), follow, policy)


def _home() -> Name:
    if sys.platform == "win32":
        from endpoint_shim.windows.login import home

        return from_text(home())
    from endpoint_shim.linux.login import login

    return from_bytes(os.fsencode(login().home))


def _link(path: Name, policy: Policy) -> bytes:
    if sys.platform == "win32":
        from endpoint_shim.windows.stats import link_at

        return link_at(path, policy)
    from endpoint_shim.linux.stats import link_at

    return link_at(to_bytes(path), policy)


def _entries(path: Name, policy: Policy) -> Iterator[wire.FileFacts]:
    if sys.platform == "win32":
        from endpoint_shim.windows.stats import entries

        return entries(path, policy)
    from endpoint_shim.linux.stats import entries

    return entries(to_bytes(path), policy)


def _opened(message: wire.OpenFile, policy: Policy) -> tuple[FileHandle, bytes, Callable[[], None]]:
    """A file, all of its bytes if they are so few (one turn of a thread for both), and how it is
    closed where nobody waits for it any more."""
    path = Name(message.path)
    if sys.platform == "win32":
        from endpoint_shim.windows.stats import open_at

        opened = open_at(path, message.follow, policy)
    else:
        from endpoint_shim.linux.stats import open_at

        opened = open_at(to_bytes(path), message.follow, policy)
    file, data = PlainFile(opened), b""
    if file.sized and 0 < file.size <= message.whole:
        with contextlib.suppress(OSError):  # who reads it is told
            data = opened.piece(file.size, 0)
    return file, data, opened.close


def _part(source: Iterator[wire.FileFacts]) -> list[wire.FileFacts]:
    return list(itertools.islice(source, A_LIST))


def _sized(size: int | None) -> list[wire.FileFacts]:
    """An open file's size, where the system gives a true one."""
    return [] if size is None else [wire.FileFacts(name="", mode=0, size=size)]


def _number(error: FirelineError) -> int:
    """The errno behind a sentence, for SFTP's few codes."""
    if isinstance(error.__cause__, OSError) and error.__cause__.errno:
        return error.__cause__.errno
    return errno.EACCES if isinstance(error, Refused) else errno.EIO
