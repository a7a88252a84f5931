"""An open plain file as a command holds it: what blocks is done in threads.

1. A lock keeps the handle open while a thread is inside of a read: a number that is closed and
   given to another file must not be read in its place.
2. Where reads follow one another, one read in a thread fetches for several, and the one after it
   is under way while its bytes are sent.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from commands.language.errors import FirelineError
from commands.language.host.files import Extent
from commands.language.names import Name

Answer = TypeVar("Answer")

AHEAD = 1024 * 1024


class Opened(Protocol):
    """The file, each platform's own, and what was true when it was opened. Raises OSError."""

    @property
    def name(self) -> Name: ...

    @property
    def size(self) -> int: ...

    @property
    def sized(self) -> bool:
        """Whether the system gives it a size that is true."""
        ...

    def piece(self, length: int, offset: int) -> bytes: ...

    def holes(self) -> int: ...

    def extent(self, offset: int) -> Extent:
        """What begins there, as far as the file goes now."""
        ...

    def in_words(self, error: OSError) -> FirelineError: ...

    def close(self) -> None: ...


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
        return self._opened.name

    @property
    def size(self) -> int:
        return self._opened.size if self.sized else 0

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
                raise self._opened.in_words(error) from error

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
