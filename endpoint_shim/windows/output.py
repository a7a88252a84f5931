"""A program's two pipes, read as its reader asks: what nobody reads stays in the program.

1. The end is the main process's end, whoever else holds the pipes: then what stands in them is
   still read, and not more than that for long.
2. Once the reader has gone (a cancel), what still comes is read and dropped: a program that tidies
   up in its grace must neither be stopped by a full pipe nor ended by a closed one.
"""

import asyncio
import contextlib
import sys
from asyncio.windows_utils import PipeHandle, pipe
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from ctypes import byref, c_void_p, wintypes
from typing import Literal

from endpoint_shim.windows.child import Child
from endpoint_shim.windows.kernel import close, kernel32

assert sys.platform == "win32"

KEEP = 256 * 1024
SLACK = 128 * 1024
"""What a pipe and the read under way may hold beside what is seen in it."""
SETTLE_S = 0.02
Where = Literal["stdout", "stderr"]

kernel32.PeekNamedPipe.argtypes = [
    *(wintypes.HANDLE, c_void_p, wintypes.DWORD, c_void_p, wintypes.LPDWORD, c_void_p),
]


def output_pipe() -> tuple[PipeHandle, PipeHandle]:
    """Ours, read overlapped, and the child's, written as any."""
    ours, theirs = pipe(overlapped=(True, False))
    return PipeHandle(ours), PipeHandle(theirs)


@contextlib.contextmanager
def at_its_end() -> Iterator[int]:
    """Standard input that is at its end: a pipe that nobody writes to. NUL would be taken for a
    terminal (`isatty` says so), where a program may ask and wait."""
    reading, writing = pipe(overlapped=(False, False))
    close(writing)
    try:
        yield reading
    finally:
        close(reading)


class _Reader(asyncio.Protocol):
    """One pipe."""

    def __init__(self, owner: "Output", where: Where, handle: PipeHandle) -> None:
        self._owner, self.where = owner, where
        self._handle = handle
        self.transport: asyncio.ReadTransport | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.ReadTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._owner.came(self.where, bytes(data))  # asyncio gives its own buffer here

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._owner.wake()

    def standing(self) -> int:
        """Bytes in the pipe now; none in one that is closed."""
        if self.lost or self._handle.handle is None:
            return 0
        size = wintypes.DWORD()
        if not kernel32.PeekNamedPipe(self._handle.handle, None, 0, None, byref(size), None):
            return 0
        return size.value


class Output:
    """Both reading ends; this object closes them, at the latest when the process ends."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._readers: list[_Reader] = []
        self._kept: deque[tuple[Where, bytes]] = deque()
        self._size = self._heard = 0
        self._woken = asyncio.Event()
        self._dropping = self._paused = False
        child.exited.add_done_callback(lambda _: self.wake())

    async def connect(self, stdout: PipeHandle, stderr: PipeHandle) -> None:
        loop = asyncio.get_running_loop()
        ends: list[tuple[Where, PipeHandle]] = [("stdout", stdout), ("stderr", stderr)]
        for where, handle in ends:
            reader = _Reader(self, where, handle)
            self._readers.append(reader)
            await loop.connect_read_pipe(lambda reader=reader: reader, handle)  # type: ignore[misc]

    def came(self, where: Where, data: bytes) -> None:
        self._heard += len(data)
        if self._dropping:
            return
        self._kept.append((where, data))
        self._size += len(data)
        if self._size >= KEEP and not self._paused:
            self._paused = True
            self._each("pause_reading")
        self._woken.set()

    def wake(self) -> None:
        self._woken.set()

    async def pieces(self) -> AsyncGenerator[tuple[Where, bytes], None]:
        """Its output in the order in which it came."""
        last = -1
        try:
            while True:
                while self._kept:
                    yield self._taken()
                if all(one.lost for one in self._readers):
                    # Both are closed, but it may still run: there is nothing but its end to await.
                    await self._child.wait()
                    return
                self._woken.clear()
                if not self._child.exited.done():
                    await self._woken.wait()
                    continue
                if last < 0:
                    last = self._heard + SLACK + sum(one.standing() for one in self._readers)
                if self._heard >= last or await self._settled():
                    return
        finally:
            self._drop_the_rest()

    def _taken(self) -> tuple[Where, bytes]:
        where, data = self._kept.popleft()
        self._size -= len(data)
        if self._paused and self._size < KEEP // 2:
            self._paused = False
            self._each("resume_reading")
        return where, data

    async def _settled(self) -> bool:
        """Whether nothing came any more and nothing stands in the pipes."""
        heard = self._heard
        await asyncio.sleep(SETTLE_S)
        return heard == self._heard and not any(one.standing() for one in self._readers)

    def _drop_the_rest(self) -> None:
        self._dropping = True
        self._kept.clear()
        if self._child.exited.done():
            self._close()
            return
        if self._paused:
            self._paused = False
            self._each("resume_reading")
        self._child.exited.add_done_callback(lambda _: self._close())

    def _close(self) -> None:
        """Gives the pipes up; who writes to them from now on gets an error."""
        self._each("close")

    def _each(self, word: Literal["pause_reading", "resume_reading", "close"]) -> None:
        for one in self._readers:
            if one.transport is not None and not one.lost and not one.transport.is_closing():
                getattr(one.transport, word)()
