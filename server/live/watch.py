"""What is looked at from time to time: idle sessions, free space, rules that changed."""

import asyncio
from typing import TYPE_CHECKING

from server.identity.access import Rules, role_on
from server.live.device_job import THE_RULES, DeviceJob
from server.live.sessions import Sessions

if TYPE_CHECKING:
    from server.live.session import Session

EVERY_S = 1.0
"""A flood writes tens of MiB in that time; the reserve holds many times more."""
NO_SPACE = "the journal has no space left; an operator makes room"


async def watch(sessions: Sessions) -> None:
    """Runs for as long as the broker does."""
    loop = asyncio.get_running_loop()
    warned: dict[str, int] = {}
    while True:
        await asyncio.sleep(EVERY_S)
        for session in list(sessions.live.values()):
            _idle(sessions, session, loop.time(), warned)
        for gone in [name for name in warned if name not in sessions.live]:
            del warned[gone]
        await _space(sessions)


async def _space(sessions: Sessions) -> None:
    """Below the reserve sessions on devices end; who has none can read on, down to the floor."""
    journal = sessions.broker.journal
    free = await journal.look_at_space()
    if free < journal.reserve:
        for session in list(sessions.live.values()):
            if session.device is not None or free < journal.floor:
                sessions.end_soon(session, NO_SPACE)


def _idle(sessions: Sessions, session: "Session", now: float, warned: dict[str, int]) -> None:
    """Ends an idle session, after two warnings; a running command counts as activity."""
    if session.device is None or session.detached:
        return
    if any(job.spec.word != "shell" for job in session.running):
        session.touch()
        return
    left = sessions.limits.idle_s - (now - session.active)
    if left <= 0:
        sessions.end_soon(session, "idle")
        return
    limits = sessions.limits
    marks = (limits.idle_warn_s, limits.idle_last_warn_s)
    due = sum(left <= mark < limits.idle_s for mark in marks)
    if due > warned.get(session.id, 0):
        when = f"{left / 60:.0f} min" if left >= 59 else f"{left:.0f} s"
        session.notify(f"session ends in {when}: nothing was typed for a while")
    warned[session.id] = due


def rules_changed(sessions: Sessions, rules: Rules) -> None:
    """Ends what the new rules no longer allow: sessions, and commands in those that stay."""
    for session in list(sessions.live.values()):
        if session.person not in rules.people and session.responder.door != "admin":
            sessions.end_soon(session, f"{session.person} is no longer among the people")
        elif session.device is not None:
            role = role_on(rules, session.person, session.device.ref)
            if role not in ("basic", "advanced"):
                sessions.end_soon(session, f"the rules no longer allow {session.device.name}")
            else:
                _stop_forbidden(sessions, session)


def _stop_forbidden(sessions: Sessions, session: "Session") -> None:
    """An open shell, too, is only as good as the rule that let it open."""
    for job in session.running:
        if isinstance(job, DeviceJob) and sessions.decide(session, job.spec, session.device).error:
            session.notify(f"the rules no longer allow {job.spec.word} on {job.device}")
            sessions.soon(_stopped(job))


async def _stopped(job: DeviceJob) -> None:
    await job.cancel(THE_RULES)
