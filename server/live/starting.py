"""How a command of a session starts: the order to its device, and what holds up the session's end.

A command whose start is on its way to the disk is none of the session's yet; a session that ended
meanwhile would have a start without an end.
"""

import asyncio
from typing import TYPE_CHECKING

from commands.language import wire
from commands.language.command import Command
from server.live.device_job import DeviceJob, command_value
from server.live.job import Job

if TYPE_CHECKING:
    from server.live.session import Session


class Starting:
    """Those of one session, by number."""

    def __init__(self) -> None:
        self._those: dict[int, asyncio.Future[None]] = {}

    def begins(self, number: int) -> None:
        """Its record of that is queued."""
        self._those[number] = asyncio.get_running_loop().create_future()

    def begun(self, number: int) -> None:
        """It is among the session's commands, or never will be."""
        if number in self._those:
            self._those.pop(number).set_result(None)

    def joined(self, session: "Session", job: Job) -> None:
        """It is one of the session's commands; one that ends already never begins it."""
        if session.ending and isinstance(job, DeviceJob):
            job.cancelled_by = job.cancelled_by or f"its session's end ({session.ended_why})"
            job.gone(wire.Gone(stream="", how="never", message="its session ended"))
        elif session.ending:
            session.sessions.soon(_cancelled(job))
        self.begun(job.number)

    async def ended(self, session: "Session") -> None:
        """Until there is none, and those that came late have ended."""
        while self._those:
            await asyncio.wait([*self._those.values()])
        for job in session.running:
            await job.wait()


async def _cancelled(job: Job) -> None:
    await job.cancel()


def start_order(
    session: "Session", number: int, command: Command, *, has_input: bool
) -> wire.Start:
    """What its worker is told to run."""
    have, have_sha256 = session.sessions.have(session, command)
    return wire.Start(
        command=command_value(command),
        number=number,
        folder=session.folder,
        limit_s=session.sessions.limits.seconds_of(type(command).spec),
        have=have,
        have_sha256=have_sha256,
        columns=session.responder.columns,
        rows=session.responder.rows,
        input=has_input,
    )
