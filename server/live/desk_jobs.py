"""The commands of the session that a person stands in."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from commands.language.desk.jobs import JobRow
from commands.language.errors import Failed, Unreachable
from commands.language.items import Item, Note, Time
from commands.language.visible import visible
from server.live.door_line import DoorLine
from server.live.job import Job

if TYPE_CHECKING:
    from server.live.session import Session


class DeskJobs:
    """Implements `commands.language.desk.jobs.Jobs`."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    async def rows(self) -> AsyncIterator[JobRow]:
        for job in self._session.running:
            if job.spec.word != "jobs":
                yield _row(job)

    async def log(self) -> AsyncIterator[JobRow]:
        session = self._session
        every: dict[int, Job | DoorLine] = {**session.jobs, **session.door_lines}
        for number in sorted(every):
            found = every[number]
            yield _row(found) if isinstance(found, Job) else _line_row(found)

    async def result(self, number: int) -> AsyncIterator[Item]:
        job = self._job(number)
        if not job.spec.kept:
            raise Failed(f"what {job.spec.word} #{number} showed is not kept a second time")
        running = job.running
        async for item in job.items(follow=False):
            yield item
        if running:
            yield Note(text=f"{job.spec.word} #{number} still runs; fg {number} follows it")
        if job.error is not None:
            raise type(job.error)(str(job.error))

    async def cancel(self, number: int) -> str:
        job = self._job(number)
        job.answered = True
        try:
            answer = await job.cancel()
        finally:
            job.answered = False
        if job.running:
            raise Unreachable(answer)
        return answer

    def _job(self, number: int) -> Job:
        if self._session.responder.door == "exec" and len(self._session.jobs) == 1:
            raise Failed(
                "an exec is a session of its own and has this one command; lines on standard "
                "input are of one session, and an auditor's replay shows others"
            )
        job = self._session.jobs.get(number)
        if job is None:
            raise self._session.no_result(number)
        return job


def _row(job: Job) -> JobRow:
    return JobRow(
        number=job.number,
        state=job.state,
        command=visible(job.typed.text),
        started=Time(job.began_ms),
        took_s=round(job.lasted, 1),
        rows=job.rows,
        bytes=job.bytes,
        message=visible(job.message),
    )


def _line_row(line: DoorLine) -> JobRow:
    return JobRow(
        number=line.number,
        state=line.state,
        command=visible(line.typed.text),
        started=Time(line.began_ms),
        took_s=round(line.took, 1) if line.took is not None else None,
        message=visible(line.message),
    )
