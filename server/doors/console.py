"""The console on a person's own terminal: prompt, questions, notices, paging, and the way into a
device's terminal and back. What it looks like is console.md's.

Everything that reaches the screen is in the session's recording first.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from commands.language.errors import Cancelled, FirelineError, Refused
from commands.language.line import TypedLine, parse, split
from commands.language.names import shown as name_shown
from commands.language.visible import visible
from server.audit.errors import RecordingBroken, RecordingFull
from server.doors.batch import refuse_foreign
from server.doors.client import Client
from server.doors.completing import CommandCompleter
from server.doors.console_face import ConsoleFace
from server.doors.first_screen import ago, login_lines, session_lines
from server.doors.following import Face, Following, Page
from server.doors.keys import KeyInput
from server.doors.marks import Marks
from server.doors.own_history import OwnHistory
from server.doors.paging import Pager
from server.doors.prompt import Back, Prompt, Stopped, prompt_text
from server.doors.screen import make_screen
from server.doors.shell_view import ShellView
from server.doors.station import Station
from server.live.job import Job
from server.live.render import Shown
from server.live.responder import Door
from server.live.session import Session
from server.live.terminal_job import TerminalJob

if TYPE_CHECKING:
    from server.broker import Broker

RETURN_WITHIN = 0.4
"""Seconds in which the leave key, pressed again, goes back and is sent on."""
LONG_JOB = 10.0
MOST_NOTICES = 1000
URGENT = ("journal ", "session ends")
COMMENT = "Comment (case and reason; empty: no session): "
CLEAR = b"\x1b[H\x1b[2J\x1b[3J"


class Console(Station):
    """One terminal; it takes what the client sends (client.Taker)."""

    def __init__(self, broker: "Broker", client: Client, door: Door) -> None:
        super().__init__(broker, client, door)
        client.taker = self
        self.keys = KeyInput(client.pause, client.resume)
        self.keys.on_key = self._key_between
        self._marks = Marks(client)
        self._face = ConsoleFace(client, self._write)
        self._prompt: Prompt | None = None
        self._following: Following | None = None
        self._interrupt: Callable[[], None] | None = None
        self._view: ShellView | None = None
        self._terminal: TerminalJob | None = None
        self._left_at = 0.0
        self._warned = False
        self._notices: list[str] = []
        self._broken: FirelineError | None = None
        self._watching: asyncio.Task[None] | None = None
        self._history = OwnHistory(())

    # client.Taker
    def data(self, data: bytes) -> None:
        self.keys.data(data)

    def eof(self) -> None:
        self.keys.eof()

    def resized(self) -> None:
        self.responder.columns, self.responder.rows = self.client.columns, self.client.rows
        if self._prompt is not None:
            self._prompt.resized()

    def writable(self, can: bool) -> None: ...

    def signal(self, name: str) -> None:
        if name == "INT":
            self._key_between(b"\x03")

    # Serving.
    async def serve(self, first: str | None) -> int:
        """The console, or with `connect NAME` the console of one session."""
        return await self._served(self._console, first)

    async def serve_one(self, line: str) -> int:
        """An exec with a terminal: one line, as the console would show it."""

        async def one(line: str | None) -> None:
            refuse_foreign(line or "")
            await self.line(line or "")

        return await self._served(one, line)

    async def serve_shell(self, device: str, line: str) -> int:
        """An exec `shell NAME`: straight into the terminal, with the console behind it."""

        async def shell(_: str | None) -> None:
            self.direct = True
            words = split(line)
            typed = parse(" ".join(["shell", line[words[1].end :].strip()]).strip())
            self.typed = typed
            comment = await self.comment_for(device, typed.options.comment)
            self.session = await self.broker.sessions.open(self.responder, device, comment)
            self._stand_in(self.session)
            self.status = await self.run(typed)
            if self._terminal is not None and self._terminal.running:
                await self._loop()

        return await self._served(shell, line)

    async def _served(self, body: Callable[[str | None], Awaitable[None]], line: str | None) -> int:
        try:
            await self.begin()
            self._history = OwnHistory(await self.broker.history(self.responder.person))
            self._prompt = self._make_prompt()
            try:
                await body(line)
            finally:
                self._prompt = None
                await self.close()
        except FirelineError as error:
            self.show_error(error)
            return error.status
        return self.status

    async def _console(self, first: str | None) -> None:
        if first is not None:
            self.direct = True
            if await self.line(first) != 0:
                return
        else:
            self._first_screen()
        await self._loop()
        self.status = 0

    def _make_prompt(self) -> Prompt:
        client = self.client
        screen = make_screen(
            self._write, lambda: (client.columns, client.rows), client.term, client.color
        )
        prompt = Prompt(
            self.keys,
            screen,
            self._history,
            CommandCompleter(self.broker, lambda: self.here),
            grey=client.color,
        )
        self.keys.on_too_long = prompt.on_too_long = self._too_long
        return prompt

    def _first_screen(self) -> None:
        broker, who = self.broker, self.responder
        text = login_lines(
            who,
            broker.access.rules,
            broker.inventory.all(),
            [s for s in broker.sessions.live.values() if s.device is not None],
            broker.sessions.interrupted(who.person),
            asyncio.get_running_loop().time(),
            self.style,
        )
        self.show(Shown(out=text.encode("utf-8", "backslashreplace")))

    async def close(self) -> None:
        self._stop_watching()
        await super().close()

    async def _leave_session(self, session: Session, why: str | None) -> None:
        """A broken link keeps a session for its person; a cut one and its own end do not."""
        session.on_notice = session.on_taken = None
        if self._broken is not None:
            await session.end(str(self._broken))
        elif why is None and self.client.gone.is_set() and self.responder.door == "console":
            await session.detach("the connection broke")
        else:
            await session.end(why or "connection closed")

    # The prompt.
    async def _loop(self) -> None:
        while not self.leaving and self._broken is None:
            self._tell_notices()
            answer = await self._ask()
            if isinstance(answer, str):
                self._warned = False
                await self._lines(answer)
            elif isinstance(answer, Back):
                await self._back(answer.key)
        if self._broken is not None:
            self.client.show(f"{self._broken.shown()}\n".encode())
            self.status = self._broken.status

    async def _ask(self) -> "str | Back | Stopped":
        prompt = self._prompt
        assert prompt is not None
        session = self.session
        device = session.device.name if session is not None and session.device else None
        self._write(self._marks.title(f"{device} {session.id}" if session else "fireline"))
        self._write(self._marks.prompt())
        message = prompt_text(
            device,
            session.prompt_words if session is not None else (),
            name_shown(session.folder) if session is not None else "",
            self.client.columns,
            color=self.client.color,
            marks=self._marks.on,
        )
        try:
            return await prompt.line(message)
        except EOFError:
            if self.keys.ended or self.client.gone.is_set():
                self.leaving = True
            else:
                await self._control_d()
            return Stopped()

    async def _control_d(self) -> None:
        running = len(self.session.running) if self.session is not None else 0
        if running and not self._warned:
            self._warned = True
            jobs = "1 job runs" if running == 1 else f"{running} jobs run"
            self.say(f"{jobs}; Ctrl-D again ends them with the session, detach keeps them")
            return
        await self.leave()

    async def _lines(self, text: str) -> None:
        """What was entered: one line, or several that were pasted, up to the first that fails."""
        lines = [line for line in text.split("\n") if line.strip()]
        for at, line in enumerate(lines):
            if at:
                self.say(f"> {visible(line)}")
            if self._history.remember(line):
                await self.broker.remember(self.responder.person, line)
            status = await self.line(line)
            left = len(lines) - at - 1
            if self.leaving or self._broken is not None:
                return
            if status != 0 and left:
                count = "1 pasted line was" if left == 1 else f"{left} pasted lines were"
                self.say(f"{count} not run, because this one failed")
                return

    async def line(self, text: str) -> int:
        self._write(self._marks.output())
        status = await super().line(text)
        self._write(self._marks.ended(status))
        return status

    def _too_long(self) -> None:
        self._above("a line is at most 65,536 bytes; nothing of that was taken")

    # Running.
    async def started(self, typed: TypedLine) -> Job:
        """Waits for the start; says so after a second; Ctrl-C stops what has not begun yet."""
        loop = asyncio.get_running_loop()
        session, began = self.here, loop.time()
        known = set(session.jobs)
        starting = asyncio.create_task(super().started(typed))
        self._interrupt = lambda: self._stop_starting(session, known)
        try:
            while not starting.done():
                await asyncio.wait({starting}, timeout=0.25)
                if not starting.done() and loop.time() - began > 1.0:
                    waiting = f"waiting for {self._device_name() or 'the broker'}, "
                    self._face.redraw(f"{waiting}{loop.time() - began:.0f} s   Ctrl-C stop")
            return starting.result()
        finally:
            self._interrupt = None
            self._face.redraw("")
            starting.cancel()  # station.py lets what it shields go on

    def _stop_starting(self, session: Session, known: set[int]) -> None:
        for number in set(session.jobs) - known:
            self.broker.own(_cancelled(session.jobs[number]))

    async def watch(self, following: Following) -> str:
        self._following = following
        try:
            return await following.run()
        finally:
            self._following = None

    def _key_between(self, key: bytes) -> bool:
        """Ctrl-C and Ctrl-Z while something runs."""
        if self._following is not None:
            if key == b"\x03":
                self._following.interrupt()
            else:
                self._following.put_behind()
            return True
        if self._interrupt is not None and key == b"\x03":
            self._interrupt()
            return True
        return False

    def pager(self, job: Job) -> Page | None:
        if job.options.output in ("json", "csv") or not self.client.smart:
            return None
        return Pager(
            self.show, self._face.redraw, self.keys.next_key, lambda: self.client.rows,
            self.client.drain,
        ).page  # fmt: skip

    # A device's terminal.
    async def view(self, job: TerminalJob) -> int:
        return await self._view_terminal(job, b"")

    async def _view_terminal(self, job: TerminalJob, sent_on: bytes) -> int:
        if not job.behind:
            as_whom = self._user_there()
            self.say(f"shell on {job.device}{as_whom}, recorded; Ctrl-] or F12 leaves it running")
        job.behind = False
        self._terminal = job
        view = self._view = ShellView(self.client, job)
        try:
            left = await view.run(self.keys.take(), sent_on)
        finally:
            self._view = None
            self.keys.put_back(view.typed_after)
        if left == "left":
            self._left_at = asyncio.get_running_loop().time()
            job.behind = True
            self.say(
                f"shell {job.number} is still open on {job.device}; Ctrl-] or fg {job.number} "
                "goes back, exit in it ends it"
            )
            return 0
        if job.error is not None:
            raise job.error
        return job.exit_code or 0

    def _user_there(self) -> str:
        device = self.here.device
        user = device.facts.user if device is not None and device.facts is not None else ""
        return f" as {visible(user)}" if user else ""

    async def _back(self, key: bytes) -> None:
        """The leave key at the prompt: into the terminal that is still open."""
        session = self.session
        open_ones = [
            job
            for job in (session.running if session is not None else [])
            if isinstance(job, TerminalJob)
        ]
        if not open_ones:
            return
        job = self._terminal if self._terminal in open_ones else open_ones[-1]
        assert job is not None
        soon = asyncio.get_running_loop().time() - self._left_at <= RETURN_WITHIN
        try:
            await self._view_terminal(job, key if soon else b"")
        except FirelineError as error:
            self.show_error(error)

    # Showing.
    @property
    def face(self) -> Face:
        return self._face

    def _write(self, data: bytes) -> None:
        """To the recording, then to the screen; what is not recorded is not shown."""
        if not data or self._broken is not None:
            return
        session = self.session or self._desk_session
        if session is not None and not session.ended.is_set():
            try:
                session.shown(data)
            except (RecordingFull, RecordingBroken) as error:
                self._broken = error
                if self._prompt is not None:
                    asyncio.get_running_loop().call_soon(self._prompt.stop)
                return
        self.client.write(data)

    def _above(self, line: str) -> None:
        text = f"{line}\r\n".encode("utf-8", "backslashreplace")
        if self._prompt is not None:
            self._prompt.above(lambda: self._write(text))
        else:
            self._write(text)

    def notice(self, line: str) -> None:
        """A whole line above the prompt; only what is urgent goes into an output or a shell."""
        bell = "\a" if self._was_long(line) else ""
        if self._prompt is not None and self._prompt.reading:
            self._above(line + bell)
        elif line.startswith(URGENT):
            self._face.redraw("")
            self.client.write(f"\r\n{line}\r\n".encode("utf-8", "backslashreplace"))
        elif len(self._notices) < MOST_NOTICES:
            self._notices.append(line + bell)

    def _tell_notices(self) -> None:
        notices, self._notices = self._notices, []
        for line in notices:
            self._above(line)

    def _was_long(self, line: str) -> bool:
        words = line.split(" ", 2)
        if words[0] != "job" or len(words) < 3 or not words[1].isdigit() or self.session is None:
            return False
        job = self.session.jobs.get(int(words[1]))
        return job is not None and (job.took or 0.0) > LONG_JOB

    # commands.language.desk.console.Console
    async def comment_for(self, name: str, given: str | None) -> str | None:
        if given or self.responder.comment or self._prompt is None:
            return given
        if not self.broker.sessions.comment_needed(self.responder, name):
            return None
        answer = (await self._prompt.ask(COMMENT)).strip()
        if not answer:
            raise Refused(f"no comment, so no session on {name} was opened")
        return answer[:1000]

    def arrived(self, session: Session) -> None:
        self._stand_in(session)
        live = self.broker.sessions.live.values()
        others = [s for s in live if s.device is session.device and s is not session]
        self.show(Shown(out=session_lines(session, others).encode("utf-8", "backslashreplace")))

    def _stand_in(self, session: Session) -> None:
        self.session = session
        session.on_notice = self.notice
        session.on_taken = self._taken
        self._stop_watching()
        self._watching = asyncio.create_task(self._until_ended(session))

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _until_ended(self, session: Session) -> None:
        """The session may end by itself: idle, a budget, an operator."""
        await session.ended.wait()
        if self.session is session:
            self._gone(f"{session.id} has ended")

    def _taken(self) -> None:
        session = self.session
        if session is not None:
            session.on_notice = session.on_taken = None
            self._gone(f"{session.id} went to another connection of yours")

    def _gone(self, why: str) -> None:
        self.session = None
        self.leaving = self.direct
        self._notices.append(why)
        if self._view is not None:
            self._view.leave()
        if self._following is not None:
            self._following.let_go()
        if self._prompt is not None:
            self._prompt.stop()
        if self.leaving:
            self._tell_notices()

    async def attach(self, session: str) -> None:
        if self.session is not None:
            raise Refused(f"you are on {self._device_name()}; disconnect or detach first")
        away_since = getattr(self.broker.sessions.live.get(session.upper()), "active", None)
        found = await self.broker.sessions.attach(self.responder, session)
        self._stand_in(found)
        now = asyncio.get_running_loop().time()
        device = found.device.name if found.device is not None else "-"
        missed, found.notices = found.notices, []
        away = f", away {ago(now - away_since)}" if away_since is not None else ""
        self.say(f"{found.id} {device}{away}{':' if missed else ''}")
        for line in missed:
            self.say(f"  {line}")

    async def detach(self) -> None:
        session = self.session
        if session is None:
            raise Refused("no session to leave here; exit leaves Fireline")
        self._stop_watching()
        self.session, session.on_taken = None, None
        await session.detach("detach")
        minutes = self.broker.config.limits.left_open_s / 60
        self.say(
            f"{session.id} stays open with its jobs for {minutes:.0f} min: attach {session.id}"
        )
        self.leaving = self.direct

    async def disconnect(self) -> None:
        session = self.session
        self._stop_watching()
        await super().disconnect()
        if session is not None and session.device is not None:
            self.say(f"{session.id} on {session.device.name} has ended")

    async def clear(self) -> None:
        if self.client.smart:
            self._write(CLEAR)


async def _cancelled(job: Job) -> None:
    try:
        await job.cancel()
    except Cancelled:
        return
