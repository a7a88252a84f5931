"""The screen and keys of a console: what is written is recorded first, what is typed goes on.

What runs in front is shown here, with its progress, its Ctrl-C and its stop lines.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from prompt_toolkit.output import Output

from commands.language.errors import Cancelled, FirelineError, Refused
from commands.language.line import Options, TypedLine
from server.audit.errors import RecordingBroken, RecordingFull
from server.doors.border import showing
from server.doors.client import Client
from server.doors.completing import CommandCompleter
from server.doors.console_face import ConsoleFace
from server.doors.face import Face
from server.doors.following import Following, Page
from server.doors.keys import KeyInput
from server.doors.live_view import LiveView
from server.doors.marks import Marks
from server.doors.notices import Notices
from server.doors.own_history import OwnHistory
from server.doors.paging import Pager
from server.doors.plain_prompt import PlainPrompt
from server.doors.player import Played, Player
from server.doors.progress_line import ProgressLine
from server.doors.prompt import Prompt
from server.doors.screen import make_screen
from server.doors.station import Station
from server.doors.terminals import Terminals
from server.live.company import may_open
from server.live.job import Job
from server.live.preferences import KEYS
from server.live.render import Renderer
from server.live.render.messages import wrapped
from server.live.responder import Door
from server.live.session import Session
from server.live.tab_session import TabSession

if TYPE_CHECKING:
    from server.live.rooms import Rooms


CLEAR = b"\x1b[H\x1b[2J\x1b[3J"


class ConsoleScreen(Station):
    """A station with a terminal; it takes what the client sends (client.Taker)."""

    def __init__(self, broker: "Rooms", client: Client, door: Door) -> None:
        super().__init__(broker, client, door)
        client.taker = self
        self.keys = KeyInput(client.pause, client.resume)
        self.keys.on_key = self._key_between
        self._marks = Marks(client, lambda: self.own.plain)
        self._face = ConsoleFace(client, self._write, lambda: self.own.plain)
        self._prompt: Prompt | PlainPrompt | None = None
        self._following: Following | None = None
        self._interrupt: Callable[[], object] | None = None
        self._keeping: Job | None = None
        """What runs in front for a file of the evidence, until it is put behind."""
        self._new_job: Callable[[], Job | None] = lambda: None
        """What the line in front made, while its start is waited for."""
        self._lost_under = asyncio.Event()
        self._stop_asked = False
        self._warned = False
        self._terminals = Terminals(client, self.keys, self.say, lambda: self.own.shell_key)
        self._notices = Notices(
            self._above,
            self._at_once,
            lambda: self._prompt is not None and self._prompt.reading,
            lambda: self.own.bell,
        )
        self._broken: FirelineError | None = None
        self._ended_status = 0
        """The exit status where a session ended by itself, not by its person."""
        self._watching: asyncio.Task[None] | None = None
        self._history = OwnHistory(())
        self._tab = TabSession(broker.sessions, self.responder)
        self._player: Player | LiveView | None = None

    # client.Taker
    def data(self, data: bytes) -> None:
        self.broker.sessions.streams.keys.typed("")
        self.keys.data(data)

    def eof(self) -> None:
        self.keys.eof()

    def resized(self) -> None:
        self.responder.columns, self.responder.rows = self.client.columns, self.client.rows
        if self._prompt is not None:
            self._prompt.resized()
        if self._player is not None:
            self._player.resized()

    def writable(self, can: bool) -> None: ...

    def signal(self, name: str) -> None:
        if name == "INT":
            self._key_between(b"\x03")

    def _make_screen(self) -> Output:
        client = self.client
        return make_screen(
            self._write, lambda: (client.columns, client.rows), client.term, self.color
        )

    def _make_prompt(self, screen: Output) -> Prompt | PlainPrompt:
        if not self.client.smart:
            plain = PlainPrompt(self.keys, self._write, self._leave_key)
            plain.on_too_long = self._too_long
            return plain
        prompt = Prompt(
            self.keys,
            screen,
            self._history,
            CommandCompleter(self.broker, lambda: self.here, self._tab),
            grey=lambda: self.color and not self.own.plain,
            leave_key=self._leave_key,
        )
        self.keys.on_too_long = prompt.on_too_long = self._too_long
        return prompt

    def _leave_key(self) -> bytes:
        return KEYS[self.own.shell_key]

    # Running.
    async def started(self, typed: TypedLine) -> Job:
        """Waits for the start, and says so after a second; Ctrl-C stops it as soon as it can be.

        A device that is lost before it has started lets go of the prompt: it waits behind.
        """
        loop = asyncio.get_running_loop()
        session, began, known = self.here, loop.time(), set(self.here.jobs)
        asked: list[Job] = []

        def new() -> list[Job]:
            return [session.jobs[number] for number in set(session.jobs) - known]

        def stop() -> None:
            self._stop_asked = True
            for job in new():
                if job not in asked:
                    asked.append(job)
                    self.broker.own(_cancelled(job))

        self._interrupt, self._stop_asked = stop, False
        self._new_job, self._lost_under = lambda: next(iter(new()), None), asyncio.Event()
        self.keys.look()
        starting = asyncio.create_task(super().started(typed))
        try:
            while not starting.done():
                await asyncio.wait({starting}, timeout=0.25)
                if self._lost_under.is_set() and (lost := self._new_job()) is not None:
                    return lost
                if not starting.done() and loop.time() - began > 1.0:
                    waiting = f"waiting for {self.device_name() or 'the broker'}, "
                    self._face.redraw(f"{waiting}{loop.time() - began:.0f} s   Ctrl-C stop")
            job = starting.result()
            if self._stop_asked:
                stop()
            return job
        finally:
            self._interrupt, self._new_job = None, lambda: None
            self._face.redraw("")
            starting.cancel()  # station.py lets what it shields go on

    async def play(self, played: Played) -> None:
        client = self.client
        if not client.smart:
            raise Refused("replay needs a terminal that moves its cursor; -output cast writes it")
        player = Player(
            played,
            client.write,
            client.drain,
            self.keys.next_key,
            lambda: (client.columns, client.rows),
        )
        self._player = player
        try:
            await player.run()
        finally:
            self._player = None

    async def live_view(self, watched: Session, ask: Callable[[], Awaitable[None]]) -> bool:
        """Shows another's session until the person leaves it or is let in; whether he is."""
        client, sessions = self.client, self.broker.sessions
        if not client.smart:
            raise Refused("attach -watch needs a terminal that moves its cursor")
        view = LiveView(
            watched, client.write, client.drain, self.keys.next_key,
            lambda: (client.columns, client.rows),
            lambda: may_open(sessions, self.responder.person, watched), ask,
        )  # fmt: skip
        self._player = view
        try:
            await view.run()
        finally:
            self._player = None
        return view.let_in

    async def waited(self, work: Coroutine[Any, Any, None], whom: str) -> None:
        """Until it is done, saying for whom one waits; Ctrl-C gives it up."""
        loop = asyncio.get_running_loop()
        task, began = asyncio.create_task(work), loop.time()
        self._interrupt = task.cancel
        self.keys.look()
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=0.25)
                if not task.done():
                    took = loop.time() - began
                    self._face.redraw(f"waiting for {whom}, {took:.0f} s   Ctrl-C stop")
            if task.cancelled():
                raise Cancelled(f"{whom} is asked no more")
            task.result()
        finally:
            self._interrupt = None
            self._face.redraw("")
            task.cancel()

    async def kept(self, job: Job) -> int:
        session = self.here
        self._interrupt = lambda: self.broker.own(_cancelled(job))
        self._keeping, self._lost_under = job, asyncio.Event()
        keeping = asyncio.create_task(showing(job, session.keep_output(job)))
        lost = asyncio.create_task(self._lost_under.wait())
        drawing = asyncio.create_task(self._how_far(job).run())
        self.keys.look()
        try:
            await asyncio.wait({keeping, lost}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            keeping.cancel()
            raise
        finally:
            self._keeping = self._interrupt = None
            lost.cancel()
            drawing.cancel()
            await asyncio.wait({drawing})  # its line is gone then
        if keeping.done():
            return self.told_of_kept(job, keeping.result())
        if not session.away.lost:
            self.say_behind(job)
        self.broker.own(_told_later(session, keeping))
        return 0

    def _how_far(self, job: Job) -> ProgressLine:
        """Of what goes into a file: the form of that is not the screen's."""
        shown = dataclasses.replace(job.options, output=None)
        renderer = Renderer.of(job.command, shown, self.style, job.number, job.device or None)
        return ProgressLine(job, renderer, self.style, self._face)

    async def watch(self, following: Following) -> str:
        self._following = following
        self.keys.look()
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
        if self._keeping is not None and key == b"\x1a":
            self._keeping.behind = True
            self._lost_under.set()
            return True
        return False

    async def interruptible(
        self, work: Coroutine[Any, Any, None], stop: Callable[[], None]
    ) -> None:
        self._interrupt = stop
        self.keys.look()
        try:
            await work
        finally:
            self._interrupt = None

    def pager(self, options: Options) -> Page | None:
        mine = self.own
        program = options.output in ("json", "csv")
        if program or not self.client.smart or mine.plain or not mine.page:
            return None
        return Pager(
            self.show, self._face.redraw, self.keys.next_key, lambda: self.client.rows,
            self.client.drain, self.keys.from_now_on,
        ).page  # fmt: skip

    # Showing.
    @property
    def face(self) -> Face:
        return self._face

    def _write(self, data: bytes) -> None:
        """To the recording, then to the screen; what is not recorded is not shown."""
        if not data or self._broken is not None:
            return
        session = self.session
        if session is None or session.sealing:
            session = self.desk_session
        if session is not None and not session.sealing:
            try:
                session.shown(data)
            except (RecordingFull, RecordingBroken) as error:
                self._broken = error
                if self._prompt is not None:
                    asyncio.get_running_loop().call_soon(self._prompt.stop)
                return
        self.client.write(data)

    def _above(self, line: str) -> None:
        text = self._lines_of(line)
        if self._prompt is not None:
            self._prompt.above(lambda: self._write(text))
        else:
            self._write(text)

    def _at_once(self, line: str) -> None:
        self._face.redraw("")
        self.client.write(b"\r\n" + self._lines_of(line))

    def _lines_of(self, notice: str) -> bytes:
        """A notice broken between words, not by the terminal inside them."""
        text = f"{wrapped(notice, self.style.width)}\n".replace("\n", "\r\n")
        return text.encode("utf-8", "backslashreplace")

    def _too_long(self) -> None:
        self._above("a line is at most 65,536 bytes; nothing of that was taken")

    async def clear(self) -> None:
        if self.client.smart:
            self._write(CLEAR)


async def _told_later(session: Session, keeping: asyncio.Task[str]) -> None:
    """A file that is written on behind the prompt."""
    try:
        session.notify((await keeping).replace("\n", "; "))
    except FirelineError as error:
        session.notify(error.shown())


async def _cancelled(job: Job) -> None:
    try:
        await job.cancel()
    except Cancelled:
        return
