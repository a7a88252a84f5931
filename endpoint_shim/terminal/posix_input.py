"""What is typed, on its way into a PTY or a pipe: what that does not take waits."""

import asyncio
import os
import sys
from collections.abc import Callable

from endpoint_shim.terminal.typed import KEEP, refuse_over

assert sys.platform != "win32"


class Typed:
    """Into a file of its owner's, who closes it after `stop`."""

    def __init__(self, into: int) -> None:
        os.set_blocking(into, False)
        self._into = into
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._full = False
        self.on_writable: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> bool:
        if self._into < 0:
            return True
        refuse_over(len(self._unsent) + len(data))
        if not self._unsent:
            data = data[self._taken(data) :]
            if data:
                self._loop.add_writer(self._into, self._give)
        self._unsent += data
        self._full = len(self._unsent) >= KEEP
        return not self._full

    def stop(self) -> None:
        """What was not taken is dropped."""
        if self._into >= 0:
            self._loop.remove_writer(self._into)
        self._into = -1
        self._unsent.clear()

    def _give(self) -> None:
        del self._unsent[: self._taken(self._unsent)]
        if not self._unsent:
            self._loop.remove_writer(self._into)
        if self._full and len(self._unsent) < KEEP // 2:
            self._full = False
            self.on_writable()

    def _taken(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self._into, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # EIO, EPIPE: nobody is there to take it


class TypedLines(Typed):
    """Into a pipe, which it closes itself."""

    _ended = False

    def end(self) -> None:
        self._ended = True
        if not self._unsent:
            self.abort()

    def abort(self) -> None:
        pipe = self._into
        self.stop()
        if pipe >= 0:
            os.close(pipe)

    def _give(self) -> None:
        super()._give()
        if self._ended and not self._unsent:
            self.abort()
