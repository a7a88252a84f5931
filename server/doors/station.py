"""Where a responder stands: at the desk or on a device; runs typed lines, one after the other.

What is the same with and without a terminal is here; console.py and batch.py say how it is shown.
Implements `commands.language.desk.console.Console`.
"""

import asyncio
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from commands.language.command import ConsoleCommand, TerminalCommand
from commands.language.desk import Desk
from commands.language.errors import Failed, FirelineError, NeedsAnswer, NotUnderstood, Refused
from commands.language.line import Options, Output, TypedLine, parse
from commands.shell import Shell
from commands.status import Status
from server.doors.asked import refuse_behind, wants_json
from server.doors.border import showing
from server.doors.client import Client
from server.doors.face import Face
from server.doors.following import Following, Page
from server.doors.on_devices import run_on
from server.doors.player import Played
from server.doors.questions import reasoned, says_yes
from server.doors.replaying import cast_lines, recording_of, some_lines
from server.live.door_line import DoorLine
from server.live.job import Job
from server.live.preferences import Preferences
from server.live.render import Renderer, Shown, Style, error_shown
from server.live.render.messages import wrapped
from server.live.render.renderer import gives_one_record
from server.live.responder import Door, Responder
from server.live.session import Session
from server.live.terminal_job import TerminalJob
from server.live.whole import whole

if TYPE_CHECKING:
    from server.live.rooms import Rooms


class Station(ABC):
    """One channel's place. `status` is the exit status of the last line."""

    def __init__(self, broker: "Rooms", client: Client, door: Door) -> None:
        self.broker, self.client = broker, client
        self.responder = client.responder(door)
        self.session: Session | None = None
        self.status = 0
        self.leaving = False
        self.tracing = False
        self.direct = False
        """Came straight to a device: there is no `fireline>` to go back to."""
        self.typed: TypedLine | None = None
        self._asked_json = False
        self.line_at_door: DoorLine | None = None
        """What acts on this door now."""
        self.named: str | None = None
        """The device that the line names, for an error before it is reached."""
        self.desk_session: Session | None = None

    # Coming and going.
    async def begin(self) -> None:
        """The desk session; a comment that was given whole serves it too."""
        if self.client.comment_too_long:
            raise NotUnderstood("FIRELINE_COMMENT is longer than 200 characters")
        self.desk_session = await self.opened(None, None)

    async def close(self) -> None:
        """Whatever the reason: nothing that was opened here stays unseen."""
        await whole(self._close(), self.broker.own)

    async def _close(self) -> None:
        why = self.client.login.cut_for
        session, self.session = self.session, None
        if session is not None:
            await self._leave_session(session, why)
        if self.desk_session is not None:
            await self.desk_session.end(why or "connection closed")

    async def _leave_session(self, session: Session, why: str | None) -> None:
        await session.end(why or "connection closed")

    async def opened(
        self, device: str | None, comment: str | None, responder: Responder | None = None
    ) -> Session:
        """A session; one that opens after its client has gone is ended."""
        opening = self.broker.sessions.open(responder or self.responder, device, comment)
        return await whole(opening, self.broker.own, lambda s: s.end("connection closed"))

    @property
    def here(self) -> Session:
        """The session in which a line typed now is run."""
        if self.session is not None:
            return self.session
        if self.desk_session is None:
            raise Failed("this connection has not begun")
        return self.desk_session

    @property
    def style(self) -> Style:
        client, mine = self.client, self.own
        return Style(
            client.terminal, client.columns, client.rows, self.color,
            mine.plain, mine.tz if client.terminal else None,
        )  # fmt: skip

    @property
    def own(self) -> Preferences:
        """The person's settings, as they are now."""
        return self.broker.preferences.of(self.responder.person)

    @property
    def color(self) -> bool:
        return self.client.color and self.own.color

    # Lines.
    async def line(self, text: str) -> int:
        """Runs one line; its exit status. Errors are shown, never raised."""
        self.typed = self.named = None
        self._asked_json = wants_json(text)
        try:
            self.status = await self.run(self.understood(text))
        except FirelineError as error:
            self.status = error.status
            self.show_not_run(error)
        return self.status

    def understood(self, text: str) -> TypedLine:
        """The line parsed; one that is no text at all is refused by name."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise NotUnderstood("the line is not UTF-8; type such a name as raw:…%FF…") from None
        return parse(text)

    async def run(self, typed: TypedLine) -> int:
        """Runs what was understood."""
        self.typed, self.status = typed, 0
        if self.responder.door == "exec":
            refuse_behind(typed)
        if isinstance(typed.command, ConsoleCommand):
            line = self.line_at_door = await self.here.judge(typed)
            try:
                await typed.command.run(self)
            except FirelineError as error:
                line.end(error)
                raise
            line.end(None)
            return self.status
        job = await self._answered(await reasoned(self, typed))
        if job.ran_first:
            self.say(job.ran_first)
        if isinstance(job, TerminalJob):
            return await self.view(job)
        try:
            return await self._shown(job)
        finally:
            if self.tracing and job.trace is not None:
                self.say(job.trace.told(job.number, job.amount))

    async def _shown(self, job: Job) -> int:
        if job.behind:
            self.say_behind(job)
            return 0
        return await (self.kept(job) if job.options.keep else self.follow(job))

    def say_behind(self, job: Job) -> None:
        number = job.number
        self.say(f"job {number} runs behind: fg {number}, status {number}, cancel {number}")

    @property
    def asks(self) -> bool:
        """Whether somebody can answer a question."""
        return False

    async def action_comment(self, word: str, device: str) -> str | None:
        """Asked of who can answer; None where nobody can: the action says what to type."""
        return None

    async def _answered(self, typed: TypedLine) -> Job:
        """The job, after the one question that may stand before it."""
        try:
            return await self.started(typed)
        except NeedsAnswer as asked:
            if not self.asks:
                raise
            word = typed.command.spec.word
            if not await says_yes(self, asked, word):
                raise Refused(f"{word} was not confirmed; nothing was done") from None
        options = dataclasses.replace(typed.options, yes=True)
        return await self.started(dataclasses.replace(typed, options=options))

    async def answer(self, question: str, *yes: str) -> bool:
        """Whether the person says one of `yes`; without a terminal nobody is asked."""
        return False

    async def kept(self, job: Job) -> int:
        """`> NAME`: the output goes into the evidence, and a sentence about it here."""
        return self.told_of_kept(job, await showing(job, self.here.keep_output(job)))

    def told_of_kept(self, job: Job, sentence: str) -> int:
        if job.error is not None:
            self.show_error(job.error)
        self.say(sentence)
        return job.status

    async def started(self, typed: TypedLine) -> Job:
        """The command's job; a subclass says what it waits for meanwhile."""
        unfit = None
        if isinstance(typed.command, TerminalCommand) and not self.client.terminal:
            try:
                typed = self.without_terminal(typed)
            except NotUnderstood as error:
                unfit = error
        if isinstance(typed.command, Shell) and self.client.login.device is not None:
            typed = dataclasses.replace(typed, command=replace(typed.command, home=True))
        starting = self.here.execute(typed, data=self.standard_input(), unfit=unfit)
        # A start cut in half would leave a command that never ends.
        return await whole(starting, self.broker.own)

    def without_terminal(self, typed: TypedLine) -> TypedLine:
        """What a terminal command is where there is no terminal."""
        word, device = typed.command.spec.word, self.device_name() or "NAME"
        raise NotUnderstood(
            f"{word} on {device} without a terminal is an exec of its own: type {word} {device}"
        )

    def standard_input(self) -> AsyncIterator[bytes] | None:
        return None

    async def follow(self, job: Job) -> int:
        """Shows the command until its end; its status."""
        following = Following(
            job, self.renderer(job), self.style, self.face, self.pager(job.options)
        )
        outcome = await showing(job, self.watch(following))
        return job.status if outcome == "ended" else 0

    async def watch(self, following: Following) -> str:
        return await following.run()

    def renderer(self, job: Job) -> Renderer:
        """How its items are shown; `status N` shows what N was."""
        session = self.here
        device = job.device or None
        if isinstance(job.command, Status) and (was := session.jobs.get(job.command.number)):
            record = gives_one_record(was.command)
            renderer = Renderer(
                was.spec, job.options, self.style, was.number, was.device or None,
                session=session.id, record=record, has_rows=was.command.has_rows(),
            )  # fmt: skip
            renderer.took = was.lasted
            renderer.evidence = was.files
            return renderer
        renderer = Renderer.of(
            job.command, job.options, self.style, job.number, device, session=session.id
        )
        renderer.evidence, renderer.where = job.files, job.where
        return renderer

    # Showing.
    @property
    @abstractmethod
    def face(self) -> Face: ...
    @abstractmethod
    async def view(self, job: TerminalJob) -> int:
        """Puts the person into a device's terminal."""

    def pager(self, options: Options) -> Page | None:
        return None

    def show(self, shown: Shown) -> None:
        self.face.show(shown)

    def say(self, text: str) -> None:
        """A sentence of ours; without a terminal it is no part of the result."""
        line = f"{text}\n"
        if self.client.terminal:
            line = wrapped(line, self.style.width)
        data = line.encode("utf-8", "backslashreplace")
        self.show(Shown(out=data) if self.client.terminal else Shown(err=data))

    def show_error(self, error: FirelineError) -> None:
        output: Output | None = "json" if self._asked_json else None
        if self.typed is not None:
            output = self.typed.options.output
        self.show(error_shown(error, self.style, output, device=self.device_name() or self.named))

    def show_not_run(self, error: FirelineError) -> None:
        """Of a line that gave nothing; JSON is an array all the same, an empty one."""
        typed = self.typed
        if typed is not None and typed.options.output == "json" and typed.command.has_rows():
            self.show(Shown(out=b"[\n]\n"))
        self.show_error(error)

    def device_name(self) -> str | None:
        device = self.session.device if self.session is not None else None
        return device.name if device is not None else None

    # commands.language.desk.console.Console
    @property
    def desk(self) -> Desk:
        return self.here.desk()

    async def connect(self, name: str) -> None:
        if self.session is not None:
            raise Refused(f"you are on {self.device_name()}; disconnect or detach first")
        comment = self.typed.options.comment if self.typed is not None else None
        comment = await self.comment_for(name, comment)
        await self.arrived(await self.opened(name, comment))

    async def comment_for(self, name: str, given: str | None) -> str | None:
        """The comment of a session on the device; a console asks where a rule wants one."""
        return given

    async def arrived(self, session: Session) -> None:
        self.session = session

    async def run_on(
        self, selector: str, line: str, stage: str | None = None, stop: str | None = None
    ) -> None:
        await run_on(self, selector, line, stage, stop)

    async def interruptible(self, work: Coroutine[Any, Any, None], _: Callable[[], None]) -> None:
        """Until it is done; a subclass with keys calls the other at Ctrl-C."""
        await work

    async def attach(self, session: str) -> None:
        raise Refused("attach needs a terminal; ssh -t gives one")

    async def look_on(self, session: str) -> None:
        raise Refused("attach -watch needs a terminal; ssh -t gives one")

    async def ask_for(self, session: str) -> None:
        raise Refused("attach -ask needs a terminal; ssh -t gives one")

    async def let_in(self, person: str, yes: bool) -> None:
        if self.session is None:
            raise Refused("no session to hand over here; attach one first")
        await self.session.company.answered(person, yes)

    async def detach(self) -> None:
        raise Refused("detach needs a terminal; ssh -t gives one")

    async def disconnect(self, by: str = "disconnect") -> None:
        if self.session is None:
            raise Refused("no session to end here; exit leaves Fireline")
        session, self.session = self.session, None
        await whole(session.end(by), self.broker.own)

    async def leave(self, by: str = "exit") -> None:
        if self.session is not None:
            await self.disconnect(by)
            self.leaving = self.direct
        else:
            self.leaving = True

    async def trace(self, on: bool | None) -> None:
        self.tracing = not self.tracing if on is None else on
        self.say(f"trace is {'on' if self.tracing else 'off'}")

    async def clear(self) -> None:
        return  # there is nothing to clear without a terminal

    async def foreground(self, number: int) -> None:
        job = self.here.jobs.get(number)
        if job is None:
            raise self.here.no_result(number)
        job.behind = False
        if isinstance(job, TerminalJob):
            self.status = await self.view(job)
        else:
            self.status = await self.follow(job)

    async def replay(
        self, session: str, *, speed: float, idle: float | None, output: str | None, raw: bool
    ) -> None:
        path, title, at_s = await recording_of(self.broker, self.here, session)
        if output == "cast":
            lines = cast_lines(path, idle, raw)
            while data := await asyncio.to_thread(some_lines, lines):
                self.client.write(data)
                await self.client.drain()
            return
        if not 0.01 <= speed <= 1000 or (idle is not None and idle < 0):
            raise NotUnderstood("replay takes -speed 0.01 to 1000 and -idle of 0 or more seconds")
        await self.play(Played(path, title, at_s, speed, idle, raw))

    async def play(self, played: Played) -> None:
        """Shows a recording on the person's terminal."""
        raise Refused("replay needs a terminal; ssh -t gives one, -output cast writes a file")
