"""All sessions: opening, attaching, ending; what a device's line means for them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from commands.language import items, wire
from commands.language.command import Command, Spec, find
from commands.language.errors import FirelineError, Refused, Unreachable
from commands.language.names import Name
from commands.language.visible import visible
from commands.putfile import PutFile
from server.audit.clock import now
from server.audit.records import LineLost, LineUp, SessionOpened, Violation
from server.evidence.incoming import Incoming
from server.identity.access import Ask, comment_needed, decide, may_see, rule_on, unseen
from server.live.budget import Budget
from server.live.company import found
from server.live.device_job import DeviceJob
from server.live.device_words import at_device, refusal, since
from server.live.inventory import Device
from server.live.job import ends
from server.live.judged import Judged
from server.live.responder import Responder
from server.live.session import Session
from server.live.slots import SLOTS, may_open
from server.live.start_up import refuse_start_up
from server.live.streams import Streams
from server.live.terminal_job import TerminalJob
from server.store import device_keys, devices

if TYPE_CHECKING:
    from server.live.rooms import Rooms

END_WAIT_S = 15.0
HOUR_S = 3600.0
UNANSWERED = 100
TOLD_S = 2.0
"""A shim tells of the ends that it kept right after its welcome."""


class Sessions:
    """The live sessions by id."""

    def __init__(self, broker: "Rooms") -> None:
        self.broker = broker
        self.limits = broker.config.limits
        self.streams = Streams(
            self.limits.stream_dial_s, self.limits.stream_away_s, self.limits.beat_s
        )
        self.live: dict[str, Session] = {}
        self.turns: dict[str, asyncio.Semaphore] = {}
        """Person -> the sessions that all lines of his over several devices may have at once."""
        self._unanswered: dict[str, deque[str]] = {}
        """Device -> sessions whose End it has not confirmed, the newest. What is older ends there
        as well: Welcome names those that live."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._violations = Budget(self.limits.violations_per_hour, HOUR_S)

    # Opening.
    async def open(
        self, responder: Responder, device_name: str | None, comment: str | None = None
    ) -> Session:
        """A new session; a device that may not be seen is answered as one that is not there."""
        began = asyncio.get_running_loop().time()
        comment = comment if comment is not None else responder.comment
        device = self.visible_device(responder.person, device_name) if device_name else None
        rule_name, role = "", ""
        if device is not None:
            rule = rule_on(self.broker.access.rules, responder.person, device.ref)
            rule_name, role = (rule.name, str(rule.role)) if rule is not None else ("", "")
            may_open(self, responder, device, comment)
        journal = await self.broker.journal.open_session(
            SessionOpened(
                person=responder.person,
                key=responder.key,
                source=responder.source,
                device_id=device.id if device is not None else "",
                device=device.name if device is not None else "-",
                door=responder.door,
                client=visible(responder.client)[:200],
                comment=(comment or "")[:1000],
                role=role,
                rule=rule_name,
                of=responder.of,
            )
        )
        session = Session(self, responder, device, journal, comment or "")
        session.role, session.rule = role, rule_name
        if device is not None:
            session.folder = Name("C:\\" if device.platform == "windows" else "/")
        self._tell_others(session, "is open")
        self.live[session.id] = session
        if device is not None and device.line is not None:
            device.line.send(wire.Begin(session=session.id))
            session.streams.warm_up()
        session.opened_in_s = asyncio.get_running_loop().time() - began
        return session

    def visible_device(self, person: str, name: str) -> Device:
        """The device of that name; the same refusal for none and for one that may not be seen."""
        device = self.broker.inventory.named(name)
        if device is None or not may_see(self.broker.access.rules, person, device.ref):
            raise Unreachable(unseen(visible(name)[:64]).sentence)
        return device

    def known_devices(self, person: str, name: str) -> list[Device]:
        """As `visible_device`, with every revoked one that had the name before: it has a past."""
        rules, named = self.broker.access.rules, self.broker.inventory.all_named(name)
        seen = [device for device in named if may_see(rules, person, device.ref)]
        return seen or [self.visible_device(person, name)]

    def seen_by(self, person: str) -> list[Device]:
        """Every device that the person may see, by name."""
        rules, every = self.broker.access.rules, self.broker.inventory.all()
        return [d for d in every if not d.revoked and may_see(rules, person, d.ref)]

    def comment_needed(self, responder: Responder, device_name: str) -> bool:
        device = self.visible_device(responder.person, device_name)
        rules = self.broker.access.rules
        return comment_needed(rules, responder.person, device.ref, responder.door)

    def waiting(self, person: str) -> list[Session]:
        """The person's sessions that were left open."""
        return [s for s in self.live.values() if s.person == person and s.device is not None]

    async def attach(self, responder: Responder, session_id: str) -> Session:
        session = found(self, responder, session_id)
        if session.person != responder.person:
            raise Refused(
                f"{session.id} is {session.person}'s: attach {session.id} -watch looks at it, "
                "-ask asks for it"
            )
        await session.attach(responder)
        return session

    def interrupted(self, person: str) -> list[str]:
        """What a broker that was killed left unfinished of this person's."""
        return self.broker.interrupted_of(person)

    # Judging.
    def decide(self, session: Session, spec: Spec, device: Device | None) -> Judged:
        """Access: the one function, asked for this person, word, device and door."""
        return self._asked(session, spec, device if at_device(spec) else None, None)

    def decide_right(
        self, session: Session, word: str, right: str, device: Device | None = None
    ) -> Judged:
        """Access to a right of its own, such as writing into the library."""
        kind = find(word)
        if kind is None:
            raise TypeError(word)
        return self._asked(session, kind.spec, device, right)

    def _asked(
        self,
        session: Session,
        spec: Spec,
        device: Device | None,
        right: str | None,
        comment: str | None = None,
    ) -> Judged:
        rules = self.broker.access.rules
        decision = decide(
            rules,
            Ask(
                person=session.person,
                word=spec.word,
                role_needed=spec.role,
                right_needed=right,
                device=device.ref if device is not None else None,
                door=session.responder.door,
                has_comment=bool(session.comment or comment),
                under=spec.under,
            ),
        )
        return Judged.of(decision, rules.file)

    def permitted(self, session: Session, command: Command, comment: str | None = None) -> Judged:
        """What role, policy, shim and platform say to its word.

        Asked before anything is looked up for it: who may not type it learns nothing by it.
        """
        try:
            device = self.target(session, command)
        except FirelineError as error:
            return Judged(error, "")
        spec = type(command).spec
        judged = self._asked(session, spec, device if at_device(spec) else None, None, comment)
        if judged.error is None:
            try:
                self._check_device(session, command, device)
            except FirelineError as error:
                return Judged(error, judged.rule_text)
        return judged

    def target(self, session: Session, command: Command) -> Device | None:
        """The device it is about: the one that it is bound to, else the one of its session."""
        if command.spec.bound and (named := str(getattr(command, "device", ""))):
            return self.visible_device(session.person, named)
        return session.device

    def about(self, session: Session, command: Command) -> str:
        """The id of the device that a desk session's command is bound to, seen by him or not."""
        named = str(getattr(command, "device", "")) if command.spec.bound else ""
        found = self.broker.inventory.named(named) if named and session.device is None else None
        return "" if found is None else found.id

    def _check_device(self, session: Session, command: Command, device: Device | None) -> None:
        """Platform, the device's own policy, what its shim knows, and where files are started."""
        spec = type(command).spec
        if device is None or not at_device(spec):
            return
        if reason := refusal(session, device, spec):
            raise Refused(reason)
        if not device.online and not (spec.bound and session.responder.door != "queue"):
            raise Unreachable(f"{device.name} is offline{since(device)}")
        if isinstance(command, PutFile) and command.path is not None:
            refuse_start_up(session, device, command.path)

    # What sessions need for their jobs.
    def incoming(self, session: Session) -> Callable[[DeviceJob, items.Into], Incoming]:
        room, journal = self.broker.evidence, session.journal
        return lambda job, into: room.incoming(journal, job.number, job.command, into)

    def have(self, session: Session, command: Command) -> tuple[int, str | None]:
        return self.broker.evidence.have(session.journal, command)

    def library_bytes(self, sha256: str) -> AsyncIterator[bytes]:
        return self.broker.library.read(sha256)

    def violated(self, device: Device, what: str) -> None:
        """Journals a device's misbehaviour, so many an hour; the last one says that it is."""
        left = self._violations.spend(device.id, asyncio.get_running_loop().time())
        if left > 0:
            said = what[:500] if left > 1 else f"{what[:460]}; more this hour are not recorded"
            self._record(Violation(device=device.id, name=device.name, what=said))

    def violations_of(self, device: Device) -> int:
        """How many were recorded within the hour."""
        left = self._violations.left(device.id, asyncio.get_running_loop().time())
        return self.limits.violations_per_hour - left

    def _record(self, body: LineUp | LineLost | Violation) -> None:
        self.soon(self._append(body))

    async def _append(self, body: LineUp | LineLost | Violation) -> None:
        await self.broker.journal.broker.append(body)

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something that has an owner here and is awaited at the end."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Ending.
    def end_soon(self, session: Session, reason: str) -> None:
        if not session.ending:
            self.soon(session.end(reason))

    async def end_commands(self, session: Session) -> None:
        """Tells the device that the session ended, and waits a little for its commands' ends."""
        device = session.device
        if device is not None:
            self._unanswered.setdefault(device.id, deque(maxlen=UNANSWERED)).append(session.id)
            if device.line is not None:
                device.line.send(wire.End(session=session.id))
        for job in session.running:
            if isinstance(job, DeviceJob):
                job.cancelled_by = job.cancelled_by or f"its session's end ({session.ended_why})"
                if isinstance(job, TerminalJob):
                    job.unseen()
            else:
                await job.cancel()
        answers = lambda: device is not None and device.online and not device.revoked  # noqa: E731
        await ends(session.running, answers, END_WAIT_S)
        why = "the session ended"
        if device is not None and device.revoked:
            why = f"{device.name} was revoked"
        for stream in self.streams.of_device(device.id) if device is not None else []:
            if stream.session == session.id:
                stream.end(why)
        for job in session.running:
            await job.wait()
        self.streams.session_ended(session.id)

    def forget(self, session: Session) -> None:
        self.live.pop(session.id, None)
        if session.responder.door in SLOTS:
            self._tell_others(session, "has ended")

    async def stop(self, reason: str) -> None:
        """Ends every session, then waits for what still writes."""
        for session in list(self.live.values()):
            await session.end(reason)
        for task in list(self._tasks):
            await asyncio.wait([task], timeout=5)

    # What device lines say (LineUser).
    def line_up(self, device: Device, hello: wire.Hello) -> wire.Welcome:
        self._record(
            LineUp(device=device.id, name=device.name, address=device.address, version=hello.shim)
        )
        return wire.Welcome(
            instance=self.broker.instance,
            streams=[s.id for s in self.streams.of_device(device.id)],
            sessions=[s.id for s in self.live.values() if s.device is device],
            beat_s=self.limits.beat_s,
        )

    def welcomed(self, device: Device, hello: wire.Hello) -> None:
        """What it no longer runs it tells of now; what of that went with a line is ended here."""
        if not device.host_then and hello.facts.host:
            device.host_then = hello.facts.host
            self.soon(devices.first_host(self.broker.store, device.id, device.host_then))
        if not device.machine_then and hello.facts.machine:
            device.machine_then = hello.facts.machine
            self.soon(devices.first_machine(self.broker.store, device.id, device.machine_then))
        leaf = device.line.leaf if device.line is not None else None
        if not device.ssh_key and leaf is not None:
            device.ssh_key = leaf.ssh_key
            self.soon(device_keys.keep(self.broker.store, device.id, device.ssh_key))
        mine = [s for s in self.live.values() if s.device is device]
        running = set(hello.running)
        loop = asyncio.get_running_loop()
        for stream in self.streams.of_device(device.id):
            if stream.opened.done() and stream.id not in running:
                loop.call_later(TOLD_S, self._untold, device, stream.id)
        for session in mine:
            session.away.device_back(running)
        self._order_again(device, mine, running)
        self.soon(self.broker.actions.line_up(device))
        self.broker.inventory.line_changed(device)

    def _untold(self, device: Device, stream: str) -> None:
        words = "its worker ended while the line was down"
        self.stream_gone(device, wire.Gone(stream=stream, how="ended", message=words))

    def _order_again(self, device: Device, mine: list[Session], running: set[str]) -> None:
        if device.line is None:
            return
        for session_id in tuple(self._unanswered.get(device.id, ())):
            device.line.send(wire.End(session=session_id))
        for session in mine:
            device.line.send(wire.Begin(session=session.id))
        for stream in self.streams.of_device(device.id):
            # Its Open went into the line that was lost.
            if not stream.opened.done() and stream.id not in running:
                opening = wire.Open(session=stream.session, stream=stream.id, token=stream.token)
                device.line.send(opening)

    def line_lost(self, device: Device, reason: str) -> None:
        self._record(LineLost(device=device.id, name=device.name, reason=reason[:200]))
        for session in self.live.values():
            if session.device is device:
                session.away.device_lost(reason)
        self.broker.inventory.line_changed(device)

    def stream_gone(self, device: Device, gone: wire.Gone) -> None:
        for stream in self.streams.of_device(device.id):
            if stream.id == gone.stream:
                stream.gone = gone
                job = stream.user
                if isinstance(job, DeviceJob):
                    job.gone(gone)
                stream.end(gone.message or f"its worker {gone.how}")

    def contained(self, device: Device, message: wire.Contained) -> None:
        self.soon(self.broker.actions.containment.said(device, message))

    def session_ended(self, device: Device, ended: wire.Ended) -> None:
        unanswered = self._unanswered.get(device.id, deque())
        if ended.session in unanswered:
            unanswered.remove(ended.session)

    def busy(self, device: Device) -> bool:
        return any(s.device is device for s in self.live.values())

    def _tell_others(self, session: Session, what: str) -> None:
        device = session.device
        for other in self.live.values() if device is not None else ():
            own = session.responder.door == "queue" and other.person == session.person
            if device is not None and other.device is device and not own:
                other.notify(f"{session.id} of {session.person} on {device.name} {what}")

    def clock(self) -> str:
        """The time of day as notices give it."""
        return now()[11:19] + "Z"
