"""One live session: a person on a device (or at the desk), its commands, its end.

`execute` is the one way for a command: prepared, judged, journaled, then started. A refusal is
journaled like an answer. A session without a device is the desk session of its connection.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from commands.language import items, wire
from commands.language.command import (
    Command,
    ConsoleCommand,
    DeskCommand,
    DeviceCommand,
    TerminalCommand,
)
from commands.language.errors import Failed, FirelineError, NotUnderstood
from commands.language.line import Options, TypedLine, parse, quoted
from commands.language.names import Name
from commands.language.visible import visible
from commands.putfile import PutFile
from commands.run import Run
from server.audit.chunks import Kind
from server.audit.records import Attached, Body, CommandTyped, Decided, Detached, Started
from server.audit.session import SessionJournal
from server.live import second_person
from server.live.away import Away
from server.live.company import Company
from server.live.contained import flags
from server.live.desk import BrokerDesk
from server.live.desk_job import DeskJob
from server.live.device_job import DeviceJob, command_value
from server.live.device_words import lacks_device, to_device
from server.live.door_line import DoorLine
from server.live.inventory import Device
from server.live.job import Job
from server.live.judged import recorded
from server.live.kept_output import keep
from server.live.responder import Responder
from server.live.second_person import Admitted
from server.live.starting import Starting, start_order
from server.live.terminal_job import TerminalJob
from server.live.trace import Trace
from server.live.warm_stream import WarmStream

if TYPE_CHECKING:
    from server.live.sessions import Sessions


NO_OPTIONS = Options()


class Session:
    """Made by `Sessions.open`; ended once, by `end`."""

    def __init__(
        self,
        sessions: "Sessions",
        responder: Responder,
        device: Device | None,
        journal: SessionJournal,
        comment: str,
    ) -> None:
        self.sessions, self.responder, self.device = sessions, responder, device
        self.journal, self.comment = journal, comment
        self.id = journal.id
        self.person = responder.person
        self.folder = Name("")
        self.jobs: dict[int, Job] = {}
        self.door_lines: dict[int, DoorLine] = {}
        self.opened_in_s = 0.0
        self.role = ""
        self.rule = ""
        self.detached = False
        self.away = Away(self)
        self.company = Company(self)
        self.streams = WarmStream(self)
        self.ended = asyncio.Event()
        self.ended_why = ""
        self.sealing = False
        """Nothing can be recorded here any more: what a screen shows is its desk session's."""
        self.notices: list[str] = []
        self.on_notice: Callable[[str], None] | None = None
        self.on_taken: Callable[[str], None] | None = None
        """Told where it went: to another connection of its person, or to another person."""
        self.active = self.left_at = asyncio.get_running_loop().time()
        self.standard_input: AsyncIterator[bytes] | None = None
        self._numbers = 0
        self._ending = False
        self._starting = Starting()
        self._left: asyncio.TimerHandle | None = None
        journal.recording.on_stall(self._stalled)
        journal.recording.on_lost(self._unrecorded)

    # Running a line.
    async def execute(
        self,
        typed: TypedLine,
        *,
        data: AsyncIterator[bytes] | None = None,
        unfit: FirelineError | None = None,
    ) -> Job:
        """The command, started; FirelineError where it may not be, journaled all the same.

        `unfit` is why its door cannot serve it: said to who would otherwise be allowed.
        """
        if isinstance(typed.command, ConsoleCommand):
            raise TypeError("a console command acts on its door; judge it")
        ran_first = await self._run_first(typed)
        trace = Trace()
        number, command, admitted, trace.stream, trace.rule = await self._judged(typed, unfit)
        trace.step("durable")
        if isinstance(command, DeskCommand) or admitted.waits or not to_device(self, command):
            self.standard_input = data
            job: Job = self._desk_job(number, typed, command, trace)
            job.waits = admitted.waits
        else:
            job = await self._device_job(number, typed, command, trace)
        if admitted.approved is not None:
            queue = self.sessions.broker.actions.queue
            self.sessions.soon(queue.by_hand(admitted.approved, job))
        job.ran_first = ran_first
        self.touch()
        return job

    async def _run_first(self, typed: TypedLine) -> str:
        """With -auto: what the command needs, as a command of its own; a sentence about it."""
        needs = type(typed.command).spec.needs
        path = getattr(typed.command, "path", None)
        if not needs or path is None or not getattr(typed.command, "auto", False):
            return ""
        if self.sessions.permitted(self, typed.command).error is not None:
            return ""  # it is refused itself, before anything has run for it
        first = await self.execute(parse(f"{needs} {quoted(path)}"))
        await first.wait()
        if first.error is not None:
            raise first.error
        return f"{needs} {visible(path)} ran first, #{first.number}"

    async def judge(self, typed: TypedLine) -> DoorLine:
        """The access check and the record of a command that acts on the door itself."""
        number, *_ = await self._judged(typed)
        line = self.door_lines[number] = DoorLine(number, typed)
        return line

    async def _judged(
        self, typed: TypedLine, unfit: FirelineError | None = None
    ) -> tuple[int, Command, Admitted, str, str]:
        """Number, prepared value, how it begins, stream and rule of what may run; its records
        durable."""
        if self.sealing:
            raise self._over()
        self._numbers += 1
        number, word = self._numbers, type(typed.command).spec.word
        self.touch()
        command, refusal, rule, admitted = typed.command, None, "", Admitted()
        try:
            if self._ending:
                raise self._over()
            if lacks_device(self, command):
                raise NotUnderstood(f"{word} needs a device; connect NAME, or on NAME {word} …")
            judged = self.sessions.permitted(self, command, typed.options.comment)
            rule = judged.rule_text
            if (against := judged.error or unfit) is not None:
                raise against
            desk = self.desk(typed.options, number)
            command = await command.prepare(desk)
            question = None if typed.options.yes else await command.question(desk)
            if question is not None:
                raise question
            admitted = await second_person.admitted(self, command, number, desk.comment)
        except FirelineError as error:
            refusal = error
        typed_record = CommandTyped(
            number=number,
            line=typed.text,
            value=command_value(command),
            word=word,
            door=self.responder.door,
        )
        decided = Decided(
            number=number,
            allowed=refusal is None,
            rule=rule,
            reason="" if refusal is None else recorded(refusal)[:2000],
            device="" if refusal is None else self.sessions.about(self, command),
        )
        stream = self.streams.id
        queued = command.spec.queued or admitted.waits  # the change is its action's
        changes = command.spec.changes and not queued
        bodies: list[Body] = [typed_record, decided]
        if refusal is None and not isinstance(command, ConsoleCommand):  # those have no end
            bodies.append(Started(number=number, stream=stream, device_change=changes))
            self._starting.begins(number)
        try:
            self.journal.recording.marker(0, f"#{number} {word}")
            # Submitted in one breath they commit together: one fsync, not three.
            for _, durable in [self.journal.submit(body) for body in bodies]:
                await durable
        except BaseException:
            self._starting.begun(number)
            raise
        if refusal is not None:
            line = self.door_lines[number] = DoorLine(number, typed)
            line.end(refusal)
            raise refusal
        return number, command, admitted, stream, rule

    def _over(self) -> Failed:
        return Failed(f"{self.id} has ended; connect opens another")

    def _desk_job(self, number: int, typed: TypedLine, command: Command, trace: Trace) -> Job:
        job = DeskJob(number, typed, command, self.journal, self.desk(typed.options, number))
        self.jobs[number], job.trace, job.on_over = job, trace, self._tell_end
        job.start()
        self._starting.joined(self, job)
        return job

    async def _device_job(
        self, number: int, typed: TypedLine, command: Command, trace: Trace
    ) -> Job:
        device = self.device
        if device is None:
            raise TypeError("judged without a device")
        kind = TerminalJob if isinstance(command, TerminalCommand) else DeviceJob
        job = kind(number, typed, command, self.journal, device.name, self.sessions.incoming(self))
        job.on_folder = self._went
        job.on_violation = lambda what: self.sessions.violated(device, what)
        job.on_back_again = self.away.job_back
        job.send_cancel = lambda cancel: self.send(cancel)
        job.release = self._release
        if isinstance(job, TerminalJob):
            job.on_typed = self.touch
            job.on_unrecorded = lambda error: self.sessions.end_soon(self, str(error))
        self.jobs[number], job.trace = job, trace
        self._starting.joined(self, job)
        if isinstance(command, PutFile):
            job.pushes = items.Progress(0, command.size, command.name)
        if isinstance(command, Run):
            library = self.sessions.broker.library
            self.sessions.soon(library.ran(self.person, command.script, command.version))
        input_sha256 = command.input_sha256() if isinstance(command, DeviceCommand) else None
        data = self.sessions.library_bytes(input_sha256) if input_sha256 else None
        if not job.ending:
            start = start_order(self, number, command, has_input=input_sha256 is not None)
            await self._started(job, start, data)
        return job

    async def _started(
        self, job: DeviceJob, start: wire.Start, data: AsyncIterator[bytes] | None
    ) -> None:
        stream = self.streams.take()
        ended = asyncio.ensure_future(job.wait())
        await asyncio.wait({stream.opened, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if job.trace is not None:
            job.trace.step("worker ready")
        if job.ending:
            self.streams.give_back(stream)
        elif stream.alive:
            job.start(stream, start, data)
        else:
            job.stream = stream
            job.gone(stream.gone or stream.never)

    def send(self, message: wire.Down) -> bool:
        if self.device is None or self.device.line is None:
            return False
        self.device.line.send(message)
        return True

    def _release(self, job: DeviceJob) -> None:
        self.touch()
        self.away.job_ended(job)
        self._tell_end(job)
        if job.stream is not None:
            self.streams.give_back(job.stream)

    def _tell_end(self, job: Job) -> None:
        if (job.behind and not job.answered) or self.detached:  # one may start as its person goes
            self.notify(job.ended_notice())

    # What the door asks.
    def desk(self, options: Options = NO_OPTIONS, number: int = 0) -> BrokerDesk:
        """The broker as its person sees it, for a line with these options."""
        return BrokerDesk(self.sessions.broker, self, options, number)

    def touch(self) -> None:
        """The person did something: the idle time starts anew."""
        self.active = asyncio.get_running_loop().time()

    def shown(self, data: bytes) -> None:
        """Records what goes to the person's screen, before it goes there."""
        self.journal.recording.write(Kind.OUTPUT, 0, data)

    def no_result(self, number: int) -> Failed:
        """Why a number leads to no result."""
        line = self.door_lines.get(number)
        if line is None:
            return Failed(f"no command #{number} in this session; log lists them")
        return Failed(f"{line.word} #{number} has no result to show; log says what became of it")

    @property
    def ending(self) -> bool:
        """It ends or has ended."""
        return self._ending

    @property
    def running(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.running]

    @property
    def prompt_words(self) -> list[str]:
        words = flags(self.device) if self.device is not None else []
        if self.away.lost:
            words.append("lost")
        if self.company.watching:
            words.append("watching")
        behind = len([job for job in self.running if job.behind])
        if behind:
            words.append("1 job" if behind == 1 else f"{behind} jobs")
        return words

    def notify(self, line: str) -> None:
        """A whole line for the person: now if somebody looks, else at `attach`, with its time."""
        if self.on_notice is not None:
            self.on_notice(line)
        elif len(self.notices) < 1000:
            self.notices.append(f"{self.sessions.clock()}  {line}")

    # Leaving, coming back, ending.
    async def detach(self, reason: str) -> None:
        """Leaves it open for the set time."""
        if self._ending or self.detached:
            return
        self.detached, self.on_notice = True, None
        for job in self.running:
            job.behind = True  # what was in front too: nobody sees its end there
        await self.journal.append(Detached(reason=reason))
        loop = asyncio.get_running_loop()
        self.left_at = loop.time()
        self._left = loop.call_later(
            self.sessions.limits.left_open_s, self.sessions.end_soon, self, "left open too long"
        )

    async def attach(self, responder: Responder) -> None:
        """The same person again, from this connection."""
        await self.journal.append(Attached(by=responder.person, source=responder.source))
        self._taken_by("another connection of yours")
        self.detached, self.responder = False, responder
        if self._left is not None:
            self._left.cancel()
        self.touch()

    async def hand_over(self, responder: Responder) -> None:
        """To another person, who takes it with `attach`: it waits for him."""
        self.person, self.responder = responder.person, responder
        self._taken_by(responder.person)
        await self.detach(f"handed to {responder.person}")

    def _taken_by(self, whom: str) -> None:
        if self.on_taken is not None:
            self.on_taken(f"{self.id} went to {whom}")
        self.on_taken = None

    async def end(self, reason: str) -> None:
        """Cancels what runs, wipes the folder on the device, closes the journal."""
        if self._ending:
            await self.ended.wait()
            return
        self._ending, self.ended_why = True, reason
        self.streams.close()
        if self._left is not None:
            self._left.cancel()
        await self.sessions.end_commands(self)
        await self._starting.ended(self)
        self.streams.end()
        self.sealing = True
        await self.journal.end(reason)
        self.ended.set()
        self.sessions.forget(self)

    async def keep_output(self, job: Job) -> str:
        """`> NAME`: a command's whole output as evidence; a sentence about it."""
        return await keep(self.journal, job)

    def _stalled(self, stalled: bool) -> None:
        """The disk does not take the recording: nothing more is shown until it does."""
        for job in self.running:
            if isinstance(job, TerminalJob):
                job.freeze(stalled)
        self.notify("journal stalled; the terminal waits" if stalled else "journal goes on")

    def _unrecorded(self) -> None:
        self.sessions.end_soon(self, "the journal could not be written for 30 s")

    def _went(self, path: str) -> None:
        self.folder = Name(path)
