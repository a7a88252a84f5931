"""A plain file, opened for reading by what it is; the handle, never the path, is read.

1. A lock keeps the handle open while a thread is inside of a read: a number that is closed and
   given to another file must not be read in its place.
2. Where reads follow one another, one read in a thread fetches for several, and the one after it
   is under way while its bytes are sent.
"""

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from commands.language.errors import Refused
from commands.language.host.files import Extent
from commands.language.names import Name, from_bytes
from endpoint_shim import sparse
from endpoint_shim.content import HEAD
from endpoint_shim.linux import kernel
from endpoint_shim.linux.paths import (
    SAID,
    PathPolicy,
    in_words,
    kind_of,
    look,
    real_path,
    reopened,
    text,
)

Answer = TypeVar("Answer")

PROC, MEMORY = 0x9FA0, (b"mem", b"kcore")
AHEAD = 1024 * 1024
# statfs(2): proc, sysfs, debugfs, tracefs, securityfs, cgroup, cgroup2, configfs, selinuxfs.
UNSIZED = frozenset(
    {
        *(PROC, 0x62656572, 0x64626720, 0x74726163, 0x73636673),
        *(0x27E0EB, 0x63677270, 0x62656570, 0xF97CFF8C),
    }
)


@dataclass
class Opened:
    """An open plain file and what was true when it was opened."""

    handle: int
    path: bytes
    real: bytes
    facts: kernel.Inode
    sized: bool

    def piece(self, length: int, offset: int) -> bytes:
        """What stands there; nothing where a file of the kernel's has nothing to say by now."""
        try:
            data = os.pread(self.handle, length, offset)
        except BlockingIOError:
            return b""
        # A file that is cut while it is read shows zeros where its bytes were (page by page).
        end = os.fstat(self.handle).st_size if self.sized else offset + len(data)
        return data if end >= offset + len(data) else data[: max(0, end - offset)]

    def data(self, offset: int) -> Iterator[tuple[int, int]]:
        """Where data begins and ends; all of it where the file system knows nothing of holes."""
        while offset < self.facts.size:
            try:
                start = os.lseek(self.handle, offset, os.SEEK_DATA)
                stop = os.lseek(self.handle, start, os.SEEK_HOLE)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no data up to its end, which may be nearer by now
                    yield offset, self.facts.size
                return
            yield start, stop
            offset = stop

    def holes(self) -> int:
        return sparse.holes(self.data, self.facts.size)

    def extent(self, offset: int) -> Extent:
        """What begins there, as far as the file goes now."""
        found = sparse.extent(self.data, offset, self.facts.size)
        left = os.fstat(self.handle).st_size - offset
        return found._replace(size=max(0, min(found.size, left)))

    def close(self) -> None:
        os.close(self.handle)


def open_plain(path: bytes, policy: PathPolicy) -> Opened:
    """Looks first, refuses by name what is no plain file, then opens that very file."""
    policy.check_path(os.fsdecode(path))
    try:
        looking = look(path)
        try:
            real = real_path(looking, path)
            policy.check_path(os.fsdecode(real))
            facts = kernel.inode(dir_fd=looking)
            policy.check_open(os.fsdecode(path), facts.device, facts.number)
            refuse_unless_plain(path, looking, facts.mode)
            _refuse_memory(path, real, looking)
            return opened(looking, path, real, facts)
        finally:
            os.close(looking)
    except OSError as error:
        raise in_words(error, path) from error


def opened(looking: int, path: bytes, real: bytes, facts: kernel.Inode) -> Opened:
    """The plain file that a handle looks at, opened for reading."""
    handle = reopened(looking, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return Opened(handle, path, real, facts, _is_sized(handle, facts.size))
    except OSError:
        os.close(handle)
        raise


def head_of(handle: int) -> bytes:
    """The first bytes of an open file."""
    return os.pread(handle, HEAD, 0)


def refuse_unless_plain(path: bytes, handle: int, mode: int) -> None:
    """Raises Refused that names what is there instead of a plain file."""
    kind = kind_of(mode)
    if kind == "link":
        target = text(os.readlink(b"", dir_fd=handle))
        raise Refused(f"{text(path)} is a link to {target}, not a plain file; ask for that one")
    if kind != "file":
        raise Refused(f"{text(path)} is {SAID[kind]}, not a plain file; only plain files are taken")


def _refuse_memory(path: bytes, real: bytes, handle: int) -> None:
    """The shim's key is in its memory, and that of every process is a file of /proc."""
    if os.path.basename(real) in MEMORY and kernel.file_system(handle) == PROC:
        raise Refused(f"{text(path)} is memory, not a file; what is in memory is not read here")


def _is_sized(handle: int, size: int) -> bool:
    if kernel.file_system(handle) in UNSIZED:
        return False
    # Some file systems in user space hand out files of /proc without their size.
    try:
        return size > 0 or not os.pread(handle, 1, 0)
    except BlockingIOError:
        return False


class PlainFile:
    """The protocol's FileHandle."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._lock = threading.Lock()
        self._closed = False
        self._ahead_at = 0
        self._ahead = b""
        self._next = 0
        self._coming: asyncio.Future[bytes] | None = None
        self._coming_at = 0
        self._holes = 0

    @property
    def path(self) -> Name:
        return from_bytes(self._opened.path)

    @property
    def size(self) -> int:
        return self._opened.facts.size if self.sized else 0

    @property
    def sized(self) -> bool:
        return self._opened.sized

    async def holes(self) -> int:
        if self.sized:
            self._holes = await asyncio.to_thread(self._asked, self._opened.holes, 0)
        return self._holes

    async def extent(self, offset: int) -> Extent:
        if not self._holes:
            return Extent(self.size - offset)
        begins = partial(self._opened.extent, offset)
        return await asyncio.to_thread(self._asked, begins, Extent(0))

    async def read(self, offset: int, length: int) -> bytes:
        start = offset - self._ahead_at
        if start >= 0 and start + length <= len(self._ahead):
            piece = self._ahead[start : start + length]
        else:
            piece = await self._fetched(offset, length)
        self._next = offset + len(piece)
        return piece

    async def _fetched(self, offset: int, length: int) -> bytes:
        in_order = self.sized and offset == self._next
        coming, self._coming = self._coming, None
        if coming is not None and self._coming_at == offset and length <= AHEAD:
            data = await coming
        else:
            wanted = max(length, AHEAD) if in_order else length
            data = await asyncio.to_thread(self._read, wanted, offset)
        if self.sized:
            self._ahead_at, self._ahead = offset, data
        if in_order and len(data) == AHEAD and offset + AHEAD < self.size:
            self._fetch_next(offset + AHEAD)
        return data[:length]

    def _fetch_next(self, offset: int) -> None:
        """While one block is sent the next is read."""
        loop = asyncio.get_running_loop()
        self._coming_at = offset
        self._coming = loop.run_in_executor(None, self._read, AHEAD, offset)
        # Where nobody asks for it any more, its error is nobody's.
        self._coming.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _read(self, length: int, offset: int) -> bytes:
        return self._asked(lambda: self._opened.piece(length, offset), b"")

    def _asked(self, ask: Callable[[], Answer], closed: Answer) -> Answer:
        with self._lock:
            if self._closed:
                return closed
            try:
                return ask()
            except OSError as error:
                raise in_words(error, self._opened.path) from error

    async def close(self) -> None:
        if self._lock.acquire(blocking=False):
            self._lock.release()
            self._close()
        else:
            # A cancelled read is still in the kernel; whoever closes does not wait for it.
            asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._opened.close()
