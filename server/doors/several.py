"""One line on several devices: a session each, so many at once, shown as one result.

1. It is one command of the desk session, which has the devices before the first is reached and
   what became of each after the last; each device's session names it.
2. What a device gives is read from its kept result: a slow client holds up its own reading alone.
3. Ctrl-C begins nothing more and stops what runs, a second one stops the waiting; a client that
   goes ends all of it.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from commands.language.errors import (
    Cancelled,
    Failed,
    FirelineError,
    Refused,
    TimedOut,
    Unreachable,
)
from commands.language.items import Note
from commands.language.line import TypedLine
from server.actions.desired import WHAT
from server.audit.device_records import DevicesChosen, DevicesEnded
from server.audit.records import Body
from server.doors.border import showing
from server.doors.questions import of_device
from server.live.fan_out import OUTCOMES, FanOut, Outcome
from server.live.inventory import Device
from server.live.job import Job
from server.live.render import Shown
from server.live.render.several import Part, SeveralRenderer, counted
from server.live.render.shown import NOTHING
from server.live.session import Session
from server.live.staging import Staging
from server.live.whole import whole

if TYPE_CHECKING:
    from server.doors.station import Station

T = TypeVar("T")
A_RECORD = 500
"""So many devices in each."""
WISHES_AT_ONCE = 500
"""Of isolate and its like: they open nothing on a device, and none waits for another's answer."""
READ_AFTER_S = 0.2
HELD_S, HELD_BYTES = 0.02, 16 * 1024
TICK_S = 0.1
DRAW_EVERY, DRAW_AFTER = 0.25, 0.5


class Several:
    """Made for one run."""

    def __init__(
        self,
        station: "Station",
        selector: str,
        typed: TypedLine,
        devices: list[Device],
        how: Staging,
    ) -> None:
        self._station, self._selector, self._typed = station, selector, typed
        self._here = station.here
        self._number = station.line_at_door.number if station.line_at_door is not None else 0
        # Whom it reaches comes first: a stage, and a person's eyes, are for those.
        self._names = [d.name for d in sorted(devices, key=lambda device: not device.online)]
        self._devices = {d.name: d for d in devices}
        self._word = typed.command.spec.word
        bound = typed.command.spec.bound
        command = (of_device(typed, self._names[0]) if bound else typed).command
        self._renderer = SeveralRenderer(
            command, typed.options, station.style, self._number, self._names
        )
        most = at_once = max(station.broker.config.limits.devices_at_once, 1)
        if self._word in WHAT and how.stop is None:
            at_once = max(at_once, WISHES_AT_ONCE)
        pace = self._turn_of if typed.command.spec.changes else None
        self._fan = FanOut(self._names, self._one, at_once, how, pace)
        # However many lines a person has running: so many sessions of his at once.
        turns, person = station.broker.sessions.turns, station.responder.person
        self._turns = turns.setdefault(person, asyncio.Semaphore(most))
        self._page = station.pager(typed.options)
        self._wanted = True
        self._held = NOTHING
        self._later: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()
        self._jobs: dict[str, Job] = {}
        self._sessions: dict[str, str] = {}
        self._stopping = False
        self._running: asyncio.Task[None] | None = None
        self._began = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """To the last device that is begun; the station's status is what became of all."""
        station = self._station
        await self._record([
            DevicesChosen(self._number, self._selector, len(self._names), names)
            for names in _by(self._names)
        ])  # fmt: skip
        self._running = asyncio.create_task(self._fan.run())
        ticking = asyncio.create_task(self._tick())
        try:
            await station.interruptible(self._finished(self._running), self._interrupt)
        finally:
            ticking.cancel()
            self._running.cancel()
            await asyncio.wait({ticking, self._running})
            self._show_held()
            station.face.redraw("")
            outcomes: list[tuple[str, str, str]] = [
                (name, self._sessions.get(name, ""), outcome)
                for name, outcome in self._fan.outcomes.items()
            ]
            ended: list[Body] = [DevicesEnded(self._number, some) for some in _by(outcomes)]
            await whole(self._record(ended), station.broker.own)
        if self._running.done() and not self._running.cancelled():
            self._running.result()
        if not ticking.cancelled():
            ticking.result()
        await self._ended()

    async def _finished(self, running: "asyncio.Task[None]") -> None:
        await asyncio.wait({running})

    async def _record(self, bodies: "list[DevicesChosen] | list[Body]") -> None:
        for _, durable in [self._here.journal.submit(body) for body in bodies]:
            await durable

    # One device.
    async def _turn_of(self, device: str) -> None:
        radius = self._station.broker.radius
        await radius.turn(self._station.responder.person, self._devices[device])

    async def _one(self, device: str) -> Outcome:
        offline = not self._devices[device].online
        try:
            waits = await self._on(device)
        except FirelineError as error:
            await self._put(self._renderer.said(device, error, self._target(device)))
            return _outcome(error)
        queued = waits or (offline and self._typed.command.spec.queued)
        return "queued" if queued else "answered"

    async def _on(self, device: str) -> bool:
        """Whether it waits now, as an action."""
        station, typed = self._station, self._typed
        if typed.command.spec.bound:
            desk = station.desk_session
            assert desk is not None
            options = dataclasses.replace(typed.options, follow=False)
            bound = dataclasses.replace(of_device(typed, device), options=options)
            return await self._run(desk, device, bound)
        async with self._turns:
            return await self._in_session(device)

    async def _in_session(self, device: str) -> bool:
        station, typed = self._station, self._typed
        part_of = f"{self._here.id}#{self._number}"
        responder = dataclasses.replace(station.responder, of=part_of)
        session = await station.opened(device, typed.options.comment, responder)
        self._sessions[device] = session.id
        try:
            return await self._run(session, device, typed)
        finally:
            why = station.client.login.cut_for or "its command ended"
            await whole(session.end(why), station.broker.own)

    async def _run(self, session: Session, device: str, typed: TypedLine) -> bool:
        """The command, shown to its end, and whether it waits now; raises what it ended with."""
        if self._stopping:
            raise Cancelled(f"{self._word} had not started; nothing ran")
        job = await whole(session.execute(typed), self._station.broker.own)
        self._jobs[device] = job
        self._sessions.setdefault(device, f"{session.id}#{job.number}")
        try:
            if self._stopping:
                self._station.broker.own(_cancelled(job))
            await showing(job, self._shown(session, device, job))
        finally:
            del self._jobs[device]
        if job.error is not None:
            raise job.error
        return job.waits

    async def _shown(self, session: Session, device: str, job: Job) -> None:
        part = self._renderer.part(device, session.id)
        if job.ran_first:
            await self._put(part.item(Note(job.ran_first)))
        if job.options.keep:
            for line in (await session.keep_output(job)).split("\n"):
                await self._put(part.item(Note(line)))
        else:
            await self._items(part, job)
        await job.wait()
        await self._put(part.end(
            well=job.error is None, evidence=job.files, exit_code=job.exit_code,
            target=self._sessions[device],
        ))  # fmt: skip

    async def _items(self, part: Part, job: Job) -> None:
        # Most have ended by then, and are read once and whole.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READ_AFTER_S):
                await job.wait()
        async for item in job.items():
            await self._put(part.item(item))

    def _target(self, device: str) -> str | None:
        found = self._sessions.get(device)
        return found if found is None or "#" in found else f"{found}#1"

    # Showing.
    async def _put(self, shown: Shown) -> None:
        if not shown:
            return
        station = self._station
        async with self._turn:
            if self._page is None:
                self._held += shown
                if len(self._held.out) + len(self._held.err) >= HELD_BYTES:
                    self._show_held()
                elif self._later is None:
                    loop = asyncio.get_running_loop()
                    self._later = loop.call_later(HELD_S, self._show_held)
            elif self._wanted:
                station.face.redraw("")
                self._wanted = await self._page(shown)
            await station.face.drain()

    def _show_held(self) -> None:
        """What many devices gave at one moment is one write."""
        if self._later is not None:
            self._later.cancel()
        self._later = None
        held, self._held = self._held, NOTHING
        if held:
            self._station.face.redraw("")
            self._station.show(held)

    async def _tick(self) -> None:
        """What time brings: rows held back long enough, and the progress line."""
        loop, drawn = asyncio.get_running_loop(), self._began + DRAW_AFTER - DRAW_EVERY
        while True:
            await asyncio.sleep(TICK_S)
            self._here.touch()
            await self._put(self._renderer.tick())
            now = loop.time()
            if now >= drawn + DRAW_EVERY and not self._turn.locked():
                drawn = now
                done, running = len(self._fan.outcomes), len(self._fan.running)
                if not self._station.style.plain:
                    line = self._renderer.progress(done, running, now - self._began)
                    self._station.face.redraw(line)

    # Stopping.
    def _interrupt(self) -> None:
        """Ctrl-C."""
        if self._stopping:
            if self._running is not None:
                self._running.cancel()
            return
        self._stopping = True
        self._show_held()
        self._fan.stop("Ctrl-C")
        waiting, running = len(self._fan.not_begun), len(self._fan.running)
        self._station.face.redraw("")
        devices = "1 device" if running == 1 else f"{running} devices"
        self._station.say(f"^C stopping on {devices}; {waiting:,} more are not begun")
        for job in self._jobs.values():
            self._station.broker.own(_cancelled(job))

    # The end.
    async def _ended(self) -> None:
        fan, station = self._fan, self._station
        counts: dict[str, int] = {outcome: fan.counts[outcome] for outcome in OUTCOMES}
        left = len(fan.not_begun)
        took = asyncio.get_running_loop().time() - self._began
        await self._put(self._renderer.end(counts, left, took))
        self._show_held()
        error = self._error(counts["stopped"], counted(counts, len(self._names), left))
        if error is not None:
            station.show_error(error)
        station.status = error.status if error is not None else _status(counts)

    def _error(self, stopped: int, said: str) -> FirelineError | None:
        """What stopped it; what became of each device was said."""
        if self._stopping:
            left = len(self._fan.not_begun)
            return Cancelled(
                f"{self._word} stopped on {stopped:,} while running, not begun on {left:,}, "
                f"#{self._number}"
            )
        if self._fan.stopped_by:
            return Failed(f"{self._word} stopped: {self._fan.stopped_by}; {said}, #{self._number}")
        return None


def _status(counts: dict[str, int]) -> int:
    """0 all did it, 4 only unreachable ones are missing, else 1."""
    missing = {outcome for outcome, count in counts.items() if count} - {"answered", "queued"}
    return 0 if not missing else Unreachable.status if missing == {"unreachable"} else 1


def _outcome(error: FirelineError) -> Outcome:
    if isinstance(error, Unreachable):
        return "unreachable"
    if isinstance(error, Refused):
        return "refused"
    if isinstance(error, TimedOut):
        return "timed out"
    return "stopped" if isinstance(error, Cancelled) else "failed"


def _by(them: Sequence[T]) -> list[list[T]]:
    return [[*them[at : at + A_RECORD]] for at in range(0, len(them), A_RECORD)]


async def _cancelled(job: Job) -> None:
    await job.cancel()
