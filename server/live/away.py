"""A device that falls silent under a session and comes back: what its person is told.

1. What runs in front is put behind by its door: it goes on there, and the prompt is free.
2. 'Missed nothing' is said of a stream that came back, with all that it had sent; workers dial by
   themselves, so the line about the device waits a little for them.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from commands.language.visible import visible
from server.live.device_job import DeviceJob
from server.live.job import Job

if TYPE_CHECKING:
    from server.live.session import Session

WORKERS_S = 12.0
"""A worker dials again at least each 5 s, with jitter, and may have to wait for its turn."""


class Away:
    """Whether the device of one session is lost, and since when."""

    def __init__(self, session: "Session") -> None:
        self.lost = False
        self.put_behind: Callable[[], Job | None] = lambda: None
        """The door's: lets go of what runs in front; the job, if there was one."""
        self._session = session
        self._since = 0.0
        self._back = ""
        """The line that waits for the workers."""
        self._ran: list[DeviceJob] = []
        self._waiting: set[DeviceJob] = set()
        self._timer: asyncio.TimerHandle | None = None

    def device_lost(self, reason: str) -> None:
        if self.lost:
            return
        self._tell()
        self.lost, self._since = True, asyncio.get_running_loop().time()
        job = self.put_behind()
        told = f": {visible(reason)}"
        if isinstance(job, DeviceJob) and job.stream is None:
            told = f"; {job.spec.word} had not started there, job {job.number} waits for it"
        elif job is not None:
            told = f"; {job.spec.word} goes on there as job {job.number}"
        self._session.notify(f"{self._name} lost {self._clock}{told}")

    def device_back(self, streams: Collection[str]) -> None:
        """Its line is up again; `streams` is what it says to run."""
        running = [job for job in self._session.running if isinstance(job, DeviceJob)]
        if self.lost:
            self.lost = False
            loop = asyncio.get_running_loop()
            away = loop.time() - self._since
            self._back = f"{self._name} back {self._clock}, after {away:.0f} s"
            self._ran = [job for job in running if _runs(job, streams)]
            self._waiting = {job for job in self._ran if job.away}
            self._timer = loop.call_later(WORKERS_S, self._tell)
            self._look()
        for job in running:
            if _runs(job, streams):
                job.resend_cancel()

    def job_back(self, job: DeviceJob) -> None:
        """A stream came back; where the line did too, one sentence says both."""
        if self._back:
            self._waiting.discard(job)
            self._look()
        elif not self.lost:
            self._session.notify(f"job {job.number} runs on; nothing of it was missed")

    def job_ended(self, job: DeviceJob) -> None:
        self._waiting.discard(job)
        if job in self._ran:
            self._ran.remove(job)
        self._look()

    def _look(self) -> None:
        if not self._waiting:
            self._tell()

    def _tell(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._back:
            told = [self._back, *(_of(job, job in self._waiting) for job in self._ran)]
            self._back, self._ran, self._waiting = "", [], set()
            self._session.notify("; ".join(told))

    @property
    def _name(self) -> str:
        device = self._session.device
        return device.name if device is not None else "-"

    @property
    def _clock(self) -> str:
        return self._session.sessions.clock()


def _runs(job: DeviceJob, streams: Collection[str]) -> bool:
    return not job.ending and job.stream is not None and job.stream.id in streams


def _of(job: DeviceJob, silent: bool) -> str:
    if silent:
        return f"job {job.number} has not been heard of yet"
    return f"job {job.number} runs, no {'row' if job.spec.rows else 'byte'} was missed"
