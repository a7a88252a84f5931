"""Actions that a device runs (scan, collect): first in first out, one at a time on a device.

Each runs in a session of its own through the door `queue`: judged again, journaled, cancelled and
resumed as every command is. It takes nobody's slot. What became of it is its command's end.

What is no action by itself and was approved (run, putfile) runs likewise, beside the others: a scan
of hours holds up no answer to an attack. What it gave is kept as evidence of that session.
"""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from commands.language.command import Command
from commands.language.errors import FirelineError, Unreachable
from commands.language.host.scanning import DetectionRow
from commands.language.items import Note
from commands.language.line import Options, TypedLine
from commands.language.names import Name, shown
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
from server.live.kept_output import keep_taken
from server.live.responder import Responder
from server.live.session import Session
from server.store.errors import JournalBroken

if TYPE_CHECKING:
    from server.live.rooms import Rooms

MOST_DETECTED = 100
"""Of one scan; its result has all."""
MOST_TAIL, MOST_LINES = 1500, 5
"""Of the end of an output, for its row; the evidence has all."""
STATES: dict[str, State] = {"cancelled": "Cancelled", "timed_out": "TimeOut"}
"""Of an action whose command ended with that error; any other is Failed."""


class Queue:
    """One runner per device that has something to run."""

    def __init__(self, broker: "Rooms", ledger: Ledger) -> None:
        self._broker, self._ledger = broker, ledger
        self._running: set[tuple[str, bool]] = set()
        """Devices, and whether it is what runs beside the actions."""
        self._jobs: dict[int, Job] = {}
        self._stopped_by: dict[int, tuple[str, str]] = {}
        """Who asked for its end, and that person's comment."""

    def wake(self, device: Device) -> None:
        """Runs what waits for the device, if it is there."""
        for beside in (False, True):
            lane = device.id, beside
            if device.online and lane not in self._running and self._next(device, beside):
                self._running.add(lane)
                self._broker.own(self._drain(device, beside))

    def job(self, number: int) -> Job | None:
        """The command of an action that runs now."""
        return self._jobs.get(number)

    async def stop(self, action: Action, by: str, comment: str) -> str:
        """Has the device stop it; its answer as a sentence."""
        self._stopped_by[action.id] = by, comment
        job = self._jobs.get(action.id)
        return await job.cancel() if job is not None else f"{action.label} is about to begin"

    async def by_hand(self, action: Action, job: Job) -> None:
        """What its person began himself by a yes, to its end."""
        self._jobs[action.id] = job
        self._ledger.touch(action.id)
        await job.wait()
        with contextlib.suppress(JournalBroken):
            await self._end(action, job.error, job)
        self._jobs.pop(action.id, None)

    def _next(self, device: Device, beside: bool) -> Action | None:
        waiting = self._ledger.opened(device.id)
        mine = (a for a in waiting if a.word not in WHAT and a.beside is beside)
        return next((a for a in mine if a.runnable), None)

    async def _drain(self, device: Device, beside: bool) -> None:
        try:
            while device.online and (action := self._next(device, beside)) is not None:
                if not await self._run(device, action):
                    return
        except JournalBroken:
            return  # the broker ends, and says why
        finally:
            self._running.discard((device.id, beside))

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
        if action.folder:
            session.folder = Name(action.folder)
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
            job = await session.execute(TypedLine(action.text, command, _options(action, command)))
            self._jobs[action.id] = job
            self._ledger.touch(action.id)
            if action.id in self._stopped_by:  # asked while it was about to begin
                await job.cancel()
            await job.wait()
            error = job.error
        except FirelineError as raised:
            error = raised
        found, last = ([], "") if job is None else await self._gave(action, job, session)
        await self._end(action, error, job, found, last)
        self._jobs.pop(action.id, None)

    async def _gave(self, action: Action, job: Job, session: Session) -> tuple[list[str], str]:
        """Detections among its rows, each in the journal, so that the timeline has them, or where
        its output is kept, and how that ends; and the last sentence that it said."""
        found: list[str] = []
        last, text = "", b""
        if job.options.keep and (kept := await keep_taken(session.journal, job)) is not None:
            found.append(f"/evidence/{session.id}/{kept.name} sha256 {kept.sha256}")
        async for item in job.items(follow=False):
            if isinstance(item, Note):
                last = item.text
            if isinstance(item, bytes):
                text = (text + item)[-MOST_TAIL:]
            if isinstance(item, DetectionRow) and len(found) < MOST_DETECTED:
                path, threat = shown(item.path), visible(item.threat)[:200]
                found.append(f"{threat} in {path}")
                await self._broker.journal.broker.append(
                    Detected(action.id, action.device, action.name, path, threat, item.what[:100])
                )
        if text:
            lines = text.decode("utf-8", "backslashreplace").splitlines()[-MOST_LINES:]
            found.append(f"ends: {' | '.join(visible(line) for line in lines)}")
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
            last = f"{brought.bytes:,} bytes, sftp {_place(action, brought)}"
        if job is not None and action.beside:
            last = last or job.amount
        state: State = "Succeeded" if error is None else STATES.get(error.code, "Failed")
        over = ended(
            action,
            state,
            error=_why(action, error) if error is not None and state != "Cancelled" else "",
            outcome=(f"by {by}: {error}" if by else str(error)) if state == "Cancelled" else last,
        )
        files = [_named(action, f) for f in job.files] if job else []
        files += [f"{_named(action, f)}, cut off" for f in job.partials] if job else []
        over = msgspec.structs.replace(over, output="; ".join([*files, *found])[:2000])
        if by:
            over = msgspec.structs.replace(over, by=by, by_comment=comment)
        kept = [*job.files, *job.partials] if job is not None else []
        await self._ledger.save([over], proof=kept[0].sha256 if kept else "")


def _why(action: Action, error: FirelineError) -> str:
    """What the command said, without what its row says already."""
    return str(error).removeprefix(f"{action.word} on {action.name}: ")


def _options(action: Action, command: Command) -> Options:
    """Nobody looks at an approved one's output while it runs: it is kept, whole and exact."""
    if action.beside and (command.spec.text or command.has_rows()):
        return Options(yes=True, keep=f"{action.label}.json", output="json")
    return Options(yes=True)


def _named(action: Action, file: FileTaken) -> str:
    """Where what it brought lies in the tree of SFTP."""
    return f"{_place(action, file)} sha256 {file.sha256}"


def _place(action: Action, file: FileTaken) -> str:
    if action.beside:
        return f"/evidence/{action.ran_in}/{shown(Name(file.name))}"
    return f"/packages/{Package(action.ran_in, file.name).name}"
