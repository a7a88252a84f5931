"""The worker's threads for calls that may hang, and which of them hang now."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

THREADS = 8
LOOK_S = 0.02


class Threads(ThreadPoolExecutor):
    """The loop's executor, which knows what it has under way."""

    def __init__(self) -> None:
        super().__init__(THREADS, "work")
        self._under_way: set[Future[Any]] = set()

    def submit(self, call: Callable[..., Any], /, *args: Any, **named: Any) -> "Future[Any]":
        future = super().submit(call, *args, **named)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    @property
    def busy(self) -> bool:
        return any(not future.done() for future in list(self._under_way))

    async def rest(self, seconds: float) -> bool:
        """Waits until nothing is under way; False: something hangs."""
        end = asyncio.get_running_loop().time() + seconds
        while self.busy:
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(LOOK_S)
        return True
