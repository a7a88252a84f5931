"""Reads ahead while access is sequential: a distant file must not cost a round trip a piece."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

AHEAD = 4 * 262_144
PIECES = 32

Fetch = Callable[[int, int], Awaitable[bytes]]


class ReadAhead:
    """In front of one open file. `size` bounds what is asked for; None: not known."""

    def __init__(self, fetch: Fetch, size: int | None) -> None:
        self._fetch, self._size = fetch, size
        self._pieces: deque[tuple[int, int, asyncio.Task[bytes]]] = deque()
        self._expected = 0

    async def read(self, offset: int, length: int) -> bytes:
        """The bytes there; fewer only where the file's holder gives fewer."""
        if self._pieces and self._pieces[0][:2] == (offset, length):
            piece = self._pieces.popleft()[2]
        else:
            self.drop()
            piece = asyncio.create_task(self._get(offset, length))
        if offset == self._expected:
            self._go_ahead(offset + length, length)
        self._expected = offset + length
        try:
            return await piece
        finally:
            piece.cancel()

    def drop(self) -> None:
        """Forgets what was read ahead."""
        while self._pieces:
            task = self._pieces.pop()[2]
            task.cancel()
            task.add_done_callback(_seen)

    async def rest(self) -> None:
        """Forgets it, and waits until nothing of it is under way."""
        tasks = [task for _, _, task in self._pieces]
        self.drop()
        if tasks:
            await asyncio.wait(tasks)

    def _go_ahead(self, offset: int, length: int) -> None:
        if self._pieces:
            last_offset, last_length, _ = self._pieces[-1]
            offset = last_offset + last_length
        while len(self._pieces) < max(1, min(AHEAD // length, PIECES)):
            if self._size is not None and offset >= self._size:
                return
            self._pieces.append((offset, length, asyncio.create_task(self._get(offset, length))))
            offset += length

    async def _get(self, offset: int, length: int) -> bytes:
        return await self._fetch(offset, length)


def _seen(task: asyncio.Task[bytes]) -> None:
    """An error of what nobody asked for is nobody's."""
    if not task.cancelled():
        task.exception()
