"""Reads ahead while access is sequential: a distant file must not cost a round trip a piece.

What came with the opening (all of a small file) is not asked for, nor the end of any file: with
ten thousand of them a round trip each is what counts.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

AHEAD = 4 * 262_144
PIECES = 32

Fetch = Callable[[int, int], Awaitable[bytes]]


class ReadAhead:
    """In front of one open file. `size` bounds what is asked for; None: not known. `whole` is all
    that the file held when it was opened."""

    def __init__(self, fetch: Fetch, size: int | None, whole: bytes | None = None) -> None:
        self._fetch, self._size, self._whole = fetch, size, whole
        self._pieces: deque[tuple[int, int, asyncio.Task[bytes]]] = deque()
        self._expected = 0
        self._ended_at = -1

    async def read(self, offset: int, length: int) -> bytes:
        """The bytes there; fewer only where the file's holder gives fewer."""
        if offset == self._ended_at:
            self._ended_at = -1  # once: it may grow
            return b""
        if self._whole is not None and offset < len(self._whole):
            return self._of_whole(self._whole, offset, length)
        if self._is_ahead(offset, length):
            piece = self._pieces.popleft()[2]
        else:
            self.drop()
            piece = asyncio.create_task(self._get(offset, length))
        if offset == self._expected:
            self._go_ahead(offset + length, length)
        self._expected = offset + length
        try:
            data = await piece
        finally:
            piece.cancel()
        if self._size is not None and 0 < len(data) < length:
            self._ended_at = offset + len(data)
        return data

    def _of_whole(self, whole: bytes, offset: int, length: int) -> bytes:
        data = whole[offset : offset + length]
        if offset + len(data) == len(whole):
            # Who reads it once more wants it as it is by then.
            self._whole, self._ended_at = None, len(whole)
        return data

    def _is_ahead(self, offset: int, length: int) -> bool:
        if not self._pieces:
            return False
        at, size, _ = self._pieces[0]
        return (at, size) == (offset, length)

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
