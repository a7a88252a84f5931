"""Writes that overlap: a distant device must not cost a round trip a piece."""

import asyncio
from collections.abc import Coroutine
from typing import Any

MANY, BYTES = 64, 4 << 20


class Overlap:
    """At most MANY pieces of at most BYTES together are under way."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()
        self._bytes = 0

    async def begin(self, work: Coroutine[Any, Any, Any], size: int) -> None:
        """Begins it as soon as there is room, after those before it."""
        try:
            await self._until(MANY - 1, BYTES - size)
        except BaseException:
            work.close()  # it never began
            raise
        self._bytes += size
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(lambda done: self._ended(done, size))

    async def rest(self) -> None:
        """Waits until nothing is under way."""
        await self._until(0, 0)

    async def stop(self) -> None:
        """Nobody waits for it any more."""
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _until(self, many: int, size: int) -> None:
        while self._under_way and (len(self._under_way) > many or self._bytes > size):
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    def _ended(self, task: asyncio.Task[Any], size: int) -> None:
        self._under_way.discard(task)
        self._bytes -= size
