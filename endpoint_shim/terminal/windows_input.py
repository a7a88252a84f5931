"""What is typed, on its way into a pipe of Windows': bounded, and told when there is room again."""

import asyncio
import sys
from asyncio.windows_utils import BUFSIZE, PipeHandle, pipe
from collections.abc import Callable

from endpoint_shim.terminal.typed import KEEP, refuse_over
from endpoint_shim.windows.kernel import close

assert sys.platform == "win32"


class Typed(asyncio.BaseProtocol):
    """The writing end; `reads` is the end for the program, until `started`."""

    def __init__(self, bufsize: int = BUFSIZE) -> None:
        # Duplex: asyncio reads from what it writes to, so as to see its end.
        self.reads, self._ours = pipe(overlapped=(False, True), duplex=True, bufsize=bufsize)
        self._transport: asyncio.WriteTransport | None = None
        self._full = False
        self.on_writable: Callable[[], None] = lambda: None

    def started(self) -> None:
        """The program has its own copy of the reading end, or there is no program."""
        close(self.reads)

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_write_pipe(lambda: self, PipeHandle(self._ours))

    def give_up(self) -> None:
        """Nobody will read it."""
        close(self._ours)

    def write(self, data: bytes) -> bool:
        transport = self._open
        if transport is None:
            return True
        refuse_over(transport.get_write_buffer_size() + len(data))
        transport.write(data)
        return not self._full

    def end(self) -> None:
        """After what was written: its end."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """What was not read is dropped."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def _open(self) -> asyncio.WriteTransport | None:
        if self._transport is None or self._transport.is_closing():
            return None
        return self._transport

    # asyncio's callbacks.
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.set_write_buffer_limits(high=KEEP - 1, low=KEEP // 2)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self.on_writable()


class Lines(Typed):
    """Line by line, each only when the one before was read: a program that takes all that stands
    in a pipe for one line (Wine's cmd.exe) gets no more than that, and what a line starts may read
    the lines after it. The pipe has no room, so that a write is done when it was read."""

    def __init__(self) -> None:
        super().__init__(bufsize=0)
        self._waiting = bytearray()
        self._ended = False

    def write(self, data: bytes) -> bool:
        if self._open is None:
            return True
        refuse_over(len(self._waiting) + len(data))
        self._waiting += data
        self._next()
        self._full = len(self._waiting) >= KEEP
        return not self._full

    def end(self) -> None:
        self._ended = True
        self._next()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self._transport is not None
        self._transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        """Room is what `_waiting` has."""

    def resume_writing(self) -> None:
        self._next()
        if self._full and len(self._waiting) < KEEP // 2:
            self._full = False
            self.on_writable()

    def _next(self) -> None:
        # A write that was done at once says nothing more: look again.
        while (transport := self._open) is not None and not transport.get_write_buffer_size():
            size = self._waiting.find(b"\n") + 1
            if not size and (self._ended or len(self._waiting) >= KEEP):
                size = len(self._waiting)  # a line without its end, as it is
            if not size:
                if self._ended:
                    transport.close()
                return
            line = bytes(self._waiting[:size])
            del self._waiting[:size]
            transport.write(line)
