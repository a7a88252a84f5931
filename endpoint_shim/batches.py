"""Blocking work done in threads, so that the loop never waits and a cancel leaves nothing open."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Generic, TypeVar

Made = TypeVar("Made")

FULL = 256
SOON_S = 0.05
"""A batch goes up after this long, full or not; an empty one lets a cancel through."""


class _Puller(Generic[Made]):
    """The generator and the lock that lets only one thread at a time be inside of it."""

    def __init__(self, source: Generator[Made, None, None], full: int) -> None:
        self._source, self._full = source, full
        self._lock = threading.Lock()

    def take(self) -> tuple[list[Made], bool]:
        """The next batch, and whether it was the last."""
        with self._lock:
            until = time.monotonic() + SOON_S
            batch: list[Made] = []
            for made in self._source:
                batch.append(made)
                if len(batch) == self._full or time.monotonic() > until:
                    return batch, False
            return batch, True

    def close(self) -> None:
        """Waits for the thread inside, then ends the generator (its `finally` closes handles)."""
        with self._lock:
            self._source.close()


async def in_batches(
    source: Generator[Made, None, None], full: int = FULL
) -> AsyncGenerator[Made, None]:
    """What `source` yields; closed early, the generator is ended in a thread."""
    puller = _Puller(source, full)
    last = False
    try:
        while not last:
            batch, last = await asyncio.to_thread(puller.take)
            for made in batch:
                yield made
    finally:
        if not last:
            # Not awaited: the thread may hang in the kernel, and the caller wants to go on.
            asyncio.get_running_loop().run_in_executor(None, puller.close)


async def made(make: Callable[[], Made], undo: Callable[[Made], None]) -> Made:
    """What `make` makes in a thread; if nobody waits for it any more, it is undone there."""
    loop = asyncio.get_running_loop()
    making = loop.run_in_executor(None, make)
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        making.add_done_callback(lambda done: _undo(loop, done, undo))
        raise


def _undo(
    loop: asyncio.AbstractEventLoop, done: "asyncio.Future[Made]", undo: Callable[[Made], None]
) -> None:
    if not done.cancelled() and done.exception() is None:
        loop.run_in_executor(None, undo, done.result())
