"""Actions that a device runs (scan, collect): first in first out, one at a time on a device.

Each runs in a session of its own through the door `queue`: judged again, journaled, cancelled and
resumed as every command is. It takes nobody's slot. What became of it is its command's end.
"""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from commands.language.errors import FirelineError, Unreachable
from commands.language.host.scanning import DetectionRow
from commands.language.items import Note
from commands.language.line import Options, TypedLine
from commands.language.names import shown
from commands.language.visible import visible
from server.actions.action import Action, State
from server.actions.desired import WHAT
from server.actions.ledger import Ledger, ended
from server.audit import clock
from server.audit.action_records import Detected
from server.audit.records import FileTaken
from server.evidence.packages import Package
from server.live.inventory import Device
from server.live.job import Job
from server.live.responder import Responder
from server.live.session import Session
from server.store.errors import JournalBroken

if TYPE_CHECKING:
    from server.live.rooms import Rooms

MOST_DETECTED = 100
"""Of one scan; its result has all."""
STATES: dict[str, State] = {"cancelled": "Cancelled", "timed_out": "TimeOut"}
"""Of an action whose command ended with that error; any other is Failed."""


class Queue:
    """One runner per device that has something to run."""

    def __init__(self, broker: "Rooms", ledger: Ledger) -> None:
        self._broker, self._ledger = broker, ledger
        self._running: dict[str, Device] = {}
        self._jobs: dict[int, Job] = {}
        self._stopped_by: dict[int, tuple[str, str]] = {}
        """Who asked for its end, and that person's comment."""

    def wake(self, device: Device) -> None:
        """Runs what waits for the device, if it is there."""
        if device.online and device.id not in self._running and self._next(device):
            self._running[device.id] = device
            self._broker.own(self._drain(device))

    def job(self, number: int) -> Job | None:
        """The command of an action that runs now."""
        return self._jobs.get(number)

    async def stop(self, action: Action, by: str, comment: str) -> str:
        """Has the device stop it; its answer as a sentence."""
        self._stopped_by[action.id] = by, comment
        job = self._jobs.get(action.id)
        return await job.cancel() if job is not None else f"{action.label} is about to begin"

    def _next(self, device: Device) -> Action | None:
        waiting = self._ledger.opened(device.id)
        return next((a for a in waiting if a.runnable and a.word not in WHAT), None)

    async def _drain(self, device: Device) -> None:
        try:
            while device.online and (action := self._next(device)) is not None:
                if not await self._run(device, action):
                    return
        except JournalBroken:
            return  # the broker ends, and says why
        finally:
            del self._running[device.id]

    async def _run(self, device: Device, action: Action) -> bool:
        """One action; False where it could not begin and goes on waiting."""
        responder = Responder(action.person, "", "queue", "", "queue", action.comment)
        sessions = self._broker.sessions
        try:
            session = await sessions.open(responder, device.name, action.comment)
        except Unreachable as error:
            if not device.online:
                return False
            await self._end(action, error, None)
            return True
        except FirelineError as error:
            await self._end(action, error, None)
            return True
        try:
            if not any(one.id == action.id and one.runnable for one in self._ledger.opened()):
                return True  # taken back while its session opened
            begun = msgspec.structs.replace(
                action, state="InProgress", started_ms=clock.now_ms(), ran_in=session.id
            )
            await self._ledger.save([begun])
            await self._carried_out(begun, session)
        finally:
            with contextlib.suppress(JournalBroken):
                await session.end("its action ended")
        return True

    async def _carried_out(self, action: Action, session: Session) -> None:
        job: Job | None = None
        error: FirelineError | None = None
        try:
            command = action.command()
            job = await session.execute(TypedLine(action.text, command, Options(yes=True)))
            self._jobs[action.id] = job
            self._ledger.touch(action.id)
            if action.id in self._stopped_by:  # asked while it was about to begin
                await job.cancel()
            await job.wait()
            error = job.error
        except FirelineError as raised:
            error = raised
        found, last = ([], "") if job is None else await self._gave(action, job)
        await self._end(action, error, job, found, last)
        self._jobs.pop(action.id, None)

    async def _gave(self, action: Action, job: Job) -> tuple[list[str], str]:
        """Detections among its rows, each in the journal, so that the timeline has them; and the
        last sentence that it said."""
        found: list[str] = []
        last = ""
        async for item in job.items(follow=False):
            if isinstance(item, Note):
                last = item.text
            if isinstance(item, DetectionRow) and len(found) < MOST_DETECTED:
                path, threat = shown(item.path), visible(item.threat)[:200]
                found.append(f"{threat} in {path}")
                await self._broker.journal.broker.append(
                    Detected(action.id, action.device, action.name, path, threat, item.what[:100])
                )
        return found, visible(last)

    async def _end(
        self,
        action: Action,
        error: FirelineError | None,
        job: Job | None,
        found: Sequence[str] = (),
        last: str = "",
    ) -> None:
        by, comment = self._stopped_by.pop(action.id, ("", ""))
        if job is not None and job.files:
            brought = job.files[0]
            last = f"{brought.bytes:,} bytes, sftp {_place(brought, action.ran_in)}"
        state: State = "Succeeded" if error is None else STATES.get(error.code, "Failed")
        over = ended(
            action,
            state,
            error=_why(action, error) if error is not None and state != "Cancelled" else "",
            outcome=(f"by {by}: {error}" if by else str(error)) if state == "Cancelled" else last,
        )
        files = [_named(f, action.ran_in) for f in job.files] if job else []
        files += [f"{_named(f, action.ran_in)}, cut off" for f in job.partials] if job else []
        over = msgspec.structs.replace(over, output="; ".join([*files, *found])[:2000])
        if by:
            over = msgspec.structs.replace(over, by=by, by_comment=comment)
        kept = [*job.files, *job.partials] if job is not None else []
        await self._ledger.save([over], proof=kept[0].sha256 if kept else "")


def _why(action: Action, error: FirelineError) -> str:
    """What the command said, without what its row says already."""
    return str(error).removeprefix(f"{action.word} on {action.name}: ")


def _named(file: FileTaken, session: str) -> str:
    """Where what it brought lies in the tree of SFTP."""
    return f"{_place(file, session)} sha256 {file.sha256}"


def _place(file: FileTaken, session: str) -> str:
    return f"/packages/{Package(session, file.name).name}"
