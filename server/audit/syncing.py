"""When a recording is fsynced: soon after the first unsynced byte, one at a time, in a thread.

An fsync starts `after` seconds or `size` bytes after the first unsynced byte, `soon` seconds after
it is asked for; what the records hold as well waits `patient` seconds for more to follow. Unsynced
for `stall` seconds is told (and told again when over), for `lost` seconds is final; so is a failed
fsync.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor
from time import monotonic
from typing import Final, NamedTuple


class Timing(NamedTuple):
    """The settings of design.md section 1."""

    after: float = 0.05
    soon: float = 0.01
    patient: float = 1.0
    size: int = 256 << 10
    stall: float = 2.0
    lost: float = 30.0


class Position(NamedTuple):
    """A place in a chunk file: its offset and the chain there."""

    offset: int
    head: bytes


DEFAULT_TIMING: Final = Timing()


def _ignore_stall(_stalled: bool) -> None: ...


def _ignore_lost() -> None: ...


class Syncer:
    """Keeps one file's bytes on the disk, not far behind its writer."""

    def __init__(
        self, descriptor: int, start: Position, pool: Executor | None, timing: Timing
    ) -> None:
        self.on_synced: Callable[[], None] = _ignore_lost
        self.on_stall: Callable[[bool], None] = _ignore_stall
        self.on_lost: Callable[[], None] = _ignore_lost
        self.durable = start
        self.failure = ""
        self._written = start
        self._descriptor = descriptor
        self._pool = pool
        self._timing = timing
        self._loop = asyncio.get_running_loop()
        self._oldest = 0.0  # when the first byte that the next fsync will cover was written
        self._under_way: asyncio.Future[bool | None] | None = None
        self._timer: asyncio.Handle | None = None  # uvloop's for no delay knows no time
        self._due_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._stalled = False
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def wrote(self, position: Position, *, patient: bool = False) -> None:
        """Bytes were written up to here; see that they become durable."""
        self._written = position
        if not patient and self._watch is None:
            self._arm_watch(monotonic())
        if self._under_way is None:
            self._due_within(self._timing.patient if patient else self._timing.after)
        elif not patient and self._oldest == 0.0:
            self._oldest = monotonic()
        if position.offset - self.durable.offset >= self._timing.size:
            self.now()

    def now(self) -> None:
        """Start an fsync unless one is under way or none is needed."""
        if self._under_way is not None or self.failure:
            return
        if self._written.offset == self.durable.offset:
            return
        self._oldest = 0.0
        self._begin(self._written, os.fdatasync, self._descriptor)

    def soon(self) -> None:
        """The same, but for what may follow at once: a session ends with its command, often."""
        if self._under_way is None and self._written.offset > self.durable.offset:
            self._due_within(self._timing.soon)

    async def end_with(self, chunk: bytes, end: Position) -> None:
        """Sync, append the chunk that says so, sync again, in one visit to a thread.

        The caller writes nothing any more. A chunk that finds no space is left out: `durable` is
        then where it would have begun.
        """
        while self._under_way is not None:
            await asyncio.wait([self._under_way])
        if self.failure:
            return
        ending = self._begin(end, _ended_with, self._descriptor, chunk, self._written.offset)
        await asyncio.wait([ending])

    def _begin(
        self, target: Position, work: Callable[..., bool | None], *values: object
    ) -> asyncio.Future[bool | None]:
        self._disarm()
        if self._watch is None:
            self._arm_watch(monotonic())
        self._under_way = begun = self._loop.run_in_executor(self._pool, work, *values)
        begun.add_done_callback(lambda done: self._synced(target, done))
        return begun

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def wait(self) -> None:
        """Until all that is written now is durable, or the file is lost (see `failure`)."""
        target = self._written.offset
        if self.durable.offset >= target or self.failure:
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((target, waiter))
        self.now()
        await waiter

    async def stop(self) -> None:
        """Cancel the timers and wait for an fsync that is under way."""
        for timer in (self._timer, self._watch):
            if timer is not None:
                timer.cancel()
        self._timer = self._watch = None
        if self._under_way is not None:
            await asyncio.wait([self._under_way])

    def _synced(self, target: Position, done: asyncio.Future[bool | None]) -> None:
        self._under_way = None
        if done.cancelled() or (error := done.exception()) is not None:
            reason = "cancelled" if done.cancelled() else str(error)
            self._lose(f"its fsync failed: {reason}")
            return
        if done.result() is False:  # without its last chunk
            target = self._written
        self.durable = target
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._stalled:
            self._stalled = False
            self.on_stall(False)
        if self._written.offset > target.offset:
            if self._oldest:
                self._arm_watch(self._oldest)
            if self._waiters or self._written.offset - target.offset >= self._timing.size:
                self.now()
            else:
                waited = monotonic() - self._oldest
                after = self._timing.after - waited if self._oldest else self._timing.patient
                self._due_within(max(0.0, after))
        self._wake(target.offset)
        self.on_synced()

    def _due_within(self, seconds: float) -> None:
        due = self._loop.time() + seconds
        if self._timer is None or self._due_at > due:
            self._disarm()
            self._due_at = due
            self._timer = self._loop.call_at(due, self._due)

    def _due(self) -> None:
        self._timer = None
        self.now()

    def _arm_watch(self, since: float) -> None:
        left = self._timing.stall - (monotonic() - since)
        self._watch = self._loop.call_later(max(0.0, left), self._late, since)

    def _late(self, since: float) -> None:
        if not self._stalled:
            self._stalled = True
            left = self._timing.lost - (monotonic() - since)
            self._watch = self._loop.call_later(max(0.0, left), self._late, since)
            self.on_stall(True)
            return
        self._watch = None
        self._lose(f"not durable for {self._timing.lost:.0f} s")

    def _lose(self, reason: str) -> None:
        if self.failure:
            return
        self.failure = reason
        self._wake(self._written.offset)
        self.on_lost()

    def _wake(self, offset: int) -> None:
        ready = [waiter for end, waiter in self._waiters if end <= offset]
        self._waiters = [(end, waiter) for end, waiter in self._waiters if end > offset]
        for waiter in ready:
            if not waiter.done():
                waiter.set_result(None)


def _ended_with(descriptor: int, chunk: bytes, at: int) -> bool:
    """In a thread: whether the chunk found space."""
    os.fdatasync(descriptor)
    try:
        whole = os.write(descriptor, chunk) == len(chunk)
    except OSError:
        whole = False
    if not whole:
        os.ftruncate(descriptor, at)
    os.fdatasync(descriptor)
    return whole
