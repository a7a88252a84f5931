"""One thing done on many devices: so many at once, stage by stage, until it is stopped.

It knows devices by name and what became of each, nothing else. Devices that are not reached come
last where there is a choice, and make room for another one in their stage, as do those where it
only waits (an action of one that is offline, or that a second person has to approve).
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Literal, get_args

from server.live.staging import Staging

Outcome = Literal["answered", "queued", "unreachable", "refused", "failed", "timed out", "stopped"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
FAILURES: tuple[Outcome, ...] = ("refused", "failed", "timed out")


class FanOut:
    """Made for one run."""

    def __init__(
        self,
        devices: Sequence[str],
        one: Callable[[str], Awaitable[Outcome]],
        at_once: int,
        staging: Staging,
        pace: Callable[[str], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.running: set[str] = set()
        self.stopped_by = ""
        """Why what is left was not begun; empty while nothing stops it."""
        self._devices, self._one, self._pace = devices, one, pace
        self._at_once, self._staging = max(at_once, 1), staging
        self._waiting = deque(devices)
        self._stopping = asyncio.Event()
        self._room = 0
        """How many more the stage takes."""

    @property
    def not_begun(self) -> list[str]:
        """Those that wait, in their order."""
        return list(self._waiting)

    @property
    def counts(self) -> Counter[Outcome]:
        return Counter(self.outcomes.values())

    def stop(self, why: str) -> None:
        """Nothing more is begun; what runs goes on."""
        self.stopped_by = self.stopped_by or why
        self._stopping.set()

    async def run(self) -> None:
        """Until all are done that are begun. Cancelled, it cancels what runs, and waits for it."""
        for size in (*self._staging.sizes, len(self._devices)):
            self._room = size
            await self._stage()

    async def _stage(self) -> None:
        many = min(self._at_once, self._room, len(self._waiting))
        async with asyncio.TaskGroup() as group:
            for _ in range(many):
                group.create_task(self._work())

    async def _work(self) -> None:
        while self._waiting and self._room > 0 and not self.stopped_by:
            device = self._waiting.popleft()
            self._room -= 1
            if self._pace is not None:
                await self._paced(self._pace(device))
            if self.stopped_by:
                self._waiting.appendleft(device)
                return
            self.running.add(device)
            try:
                outcome = self.outcomes[device] = await self._one(device)
            except asyncio.CancelledError:
                self.outcomes[device] = "stopped"
                raise
            finally:
                self.running.discard(device)
            if outcome in ("unreachable", "queued"):  # nothing was seen of how it goes there
                self._room += 1
            self._look()

    async def _paced(self, pace: Coroutine[Any, Any, None]) -> None:
        """Until it is the device's turn, or nothing more is begun."""
        waits = {asyncio.create_task(pace), asyncio.create_task(self._stopping.wait())}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        for one in done:
            one.result()

    def _look(self) -> None:
        stop = self._staging.stop
        if stop is None or not self._waiting:
            return
        counts = self.counts
        failed = sum(counts[outcome] for outcome in FAILURES)
        if stop.reached(failed, len(self._devices)):
            self.stop(f"{failed} of {len(self._devices):,} failed (-stop {stop.text})")
