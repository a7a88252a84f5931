"""What is typed, on its way into a pipe of Windows': bounded, and told when there is room again."""

import asyncio
import sys
from asyncio.windows_utils import PipeHandle, pipe
from collections.abc import Callable

from commands.language.errors import Failed
from endpoint_shim.windows.kernel import close

assert sys.platform == "win32"

KEEP = 256 * 1024
"""From here on `write` says False."""
KEEP_AT_MOST = KEEP + 128 * 1024


class Typed(asyncio.BaseProtocol):
    """The writing end; `reads` is the end for the program, until `started`."""

    def __init__(self) -> None:
        # Duplex: asyncio reads from what it writes to, so as to see its end.
        self.reads, self._ours = pipe(overlapped=(False, True), duplex=True)
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
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        if transport.get_write_buffer_size() + len(data) > KEEP_AT_MOST:
            raise Failed("more was typed into a terminal that said it is full")
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
