"""What the broker sends with a command, until the command takes it.

Taking is what acknowledges: the broker's window is the bound on what lies here, and more than
that is a broker that does not keep to it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from commands.language.wire import WINDOW

SLACK = 128 * 1024


class Overrun(Exception):
    """More input than the window allows."""


class Input:
    """The bytes of one command's input, in order, to their end."""

    def __init__(self, took: Callable[[int], None]) -> None:
        self._took = took
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._more = asyncio.Event()

    def push(self, data: bytes) -> None:
        if self._ended:
            self._took(len(data))
            return
        self._size += len(data)
        if self._size > WINDOW + SLACK:
            raise Overrun(f"{self._size:,} bytes of input that nobody took")
        self._kept.append(data)
        self._more.set()

    def end(self) -> None:
        self._ended = True
        self._more.set()

    def drain(self, write: Callable[[bytes], bool]) -> None:
        """Gives what is here until `write` says that it is full."""
        while self._kept and write(self._pop()):
            pass

    @property
    def finished(self) -> bool:
        """Whether its end was said and all of it was taken."""
        return self._ended and not self._kept

    def drop(self) -> None:
        """The command ended: what is here, and what still comes, counts as taken."""
        while self._kept:
            self._pop()
        self.end()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come, to their end."""
        while True:
            while self._kept:
                yield self._pop()
            if self._ended:
                return
            self._more.clear()
            await self._more.wait()

    def _pop(self) -> bytes:
        data = self._kept.popleft()
        self._size -= len(data)
        self._took(len(data))
        return data
