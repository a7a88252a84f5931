"""`files`: an SFTP connection's requests on a stream of its own, read only; answers go by id.

1. At most UNDER_WAY requests at once and HANDLES open; one more is the broker's fault.
2. The device's policy checks every path, as asked and as found, and each request as the word that
   does the same: what `getfile` or `dir` may not, this may not.
3. A list comes in several answers with `more`; while the stream has no room it waits.
"""

import asyncio
import errno
import itertools
import sys
from collections.abc import Coroutine, Iterator

from commands.language import wire
from commands.language.errors import Failed, FirelineError, NotUnderstood, Refused
from commands.language.host.files import FileHandle, Files
from commands.language.names import Name, from_bytes, to_bytes
from endpoint_shim.policy import Policy
from endpoint_shim.stream import Stream

UNDER_WAY = 64
HANDLES = 16
A_LIST = 200
WORDS: dict[type[wire.FileRequest], str] = {
    wire.Stat: "dir", wire.ListFolder: "dir", wire.ReadLink: "dir", wire.OpenFile: "getfile",
}  # fmt: skip
REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS)


class FilesService:
    """One stream's handles and requests."""

    def __init__(self, files: Files, policy: Policy, stream: Stream) -> None:
        self._files = files
        self._policy = policy
        self._stream = stream
        self._handles: dict[int, FileHandle] = {}
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening = 0

    @property
    def open(self) -> bool:
        """Whether a broken stream would lose something."""
        return bool(self._handles or self._tasks)

    def request(self, message: wire.FileRequest) -> None:
        if len(self._tasks) >= UNDER_WAY:
            self._stream.violation(f"more than {UNDER_WAY} file requests at once")
            return
        task = asyncio.get_running_loop().create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: wire.FileRequest) -> None:
        try:
            await self._work(message)
        except FirelineError as error:
            self._fail(message, str(error), error.code, _number(error))
        except OSError as error:
            code = Refused.code if error.errno in REFUSALS else Failed.code
            self._fail(message, error.strerror or str(error), code, error.errno or errno.EIO)

    def _work(self, message: wire.FileRequest) -> Coroutine[None, None, None]:
        if word := WORDS.get(type(message)):
            self._policy.check_word(word)
        match message:
            case wire.Stat():
                return self._stat(message)
            case wire.ListFolder():
                return self._list(message)
            case wire.ReadLink():
                return self._read_link(message)
            case wire.OpenFile():
                return self._open(message)
            case wire.Read():
                return self._read(message)
            case wire.Free():
                return self._free(message)

    async def _stat(self, message: wire.Stat) -> None:
        found = await asyncio.to_thread(_facts, Name(message.path), message.follow, self._policy)
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

    async def _read_link(self, message: wire.ReadLink) -> None:
        said = await asyncio.to_thread(_link, Name(message.path), self._policy)
        self._say_bytes(message.id, said)

    async def _open(self, message: wire.OpenFile) -> None:
        if len(self._handles) + self._opening >= HANDLES:
            raise Refused(f"{HANDLES} files are open already on this connection")
        self._opening += 1
        try:
            path = Name(message.path)
            if message.follow:
                path = await asyncio.to_thread(_real, path, self._policy)
            handle = await self._files.open(path)
        finally:
            self._opening -= 1
        self._next += 1
        self._handles[self._next] = handle
        size = handle.size if handle.sized else None
        self._say(wire.Answer(id=message.id, handle=self._next, bytes=None, files=_sized(size)))

    async def _read(self, message: wire.Read) -> None:
        data = await self._of(message.handle).read(message.offset, message.length)
        await self._stream.wait_room()
        self._say_bytes(message.id, data)

    async def _free(self, message: wire.Free) -> None:
        handle = self._of(message.handle)
        del self._handles[message.handle]
        await handle.close()
        self._say(wire.Answer(id=message.id))

    def _of(self, number: int) -> FileHandle:
        if number not in self._handles:
            raise NotUnderstood(f"no file is open under the number {number}")
        return self._handles[number]

    def _say_bytes(self, number: int, data: bytes) -> None:
        """The answer and its bytes follow one another: no await between."""
        self._say(wire.Answer(id=number, bytes=len(data)))
        self._stream.send_bytes(data)

    def _fail(self, message: wire.FileRequest, words: str, code: str, number: int) -> None:
        self._say(wire.Answer(id=message.id, error=words[:4096], code=code, errno=number))

    def _say(self, answer: wire.Answer) -> None:
        self._stream.send(answer)


def _facts(path: Name, follow: bool, policy: Policy) -> wire.FileFacts:
    if sys.platform == "win32":
        from endpoint_shim.windows.stats import facts_at
    else:
        from endpoint_shim.linux.stats import facts_at
    return facts_at(to_bytes(path), follow, policy)


def _link(path: Name, policy: Policy) -> bytes:
    if sys.platform == "win32":
        from endpoint_shim.windows.stats import link_at
    else:
        from endpoint_shim.linux.stats import link_at
    return link_at(to_bytes(path), policy)


def _entries(path: Name, policy: Policy) -> Iterator[wire.FileFacts]:
    if sys.platform == "win32":
        from endpoint_shim.windows.stats import entries
    else:
        from endpoint_shim.linux.stats import entries
    return entries(to_bytes(path), policy)


def _real(path: Name, policy: Policy) -> Name:
    if sys.platform == "win32":
        return path  # a reparse point is refused by name there
    from endpoint_shim.linux.stats import real

    return from_bytes(real(to_bytes(path), policy))


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
