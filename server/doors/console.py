"""The console on a person's own terminal: prompt, questions, notices, paging, and the way into a
device's terminal and back. What it looks like is console.md's.

Everything that reaches the screen is in the session's recording first.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from prompt_toolkit.application import create_app_session
from prompt_toolkit.formatted_text import StyleAndTextTuples

from commands.language.errors import FirelineError, Refused
from commands.language.line import parse, split
from commands.language.names import shown as name_shown
from commands.language.visible import visible
from server.doors.batch import refuse_foreign
from server.doors.console_screen import ConsoleScreen
from server.doors.first_screen import ago, login_lines, session_lines
from server.doors.own_history import OwnHistory
from server.doors.prompt import Back, Stopped, prompt_text
from server.live import company
from server.live.device_job import DeviceJob
from server.live.job import Job
from server.live.render import Shown
from server.live.session import Session
from server.live.terminal_job import TerminalJob
from server.live.whole import whole

if TYPE_CHECKING:
    pass

USER_KNOWN_S = 1.0
COMMENT = "Comment (case and reason; empty: no session): "


class Console(ConsoleScreen):
    """One person's terminal, from its first screen to its end."""

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
            self.session = await self.opened(device, comment)
            self._stand_in(self.session)
            self.status = await self.run(typed)
            if self._terminals.still_open:
                await self._loop()

        return await self._served(shell, line)

    async def _served(self, body: Callable[[str | None], Awaitable[None]], line: str | None) -> int:
        try:
            await self.begin()
            self._listen()
            try:
                self._history = OwnHistory(await self.broker.history(self.responder.person))
                screen = self._make_screen()
                # Without an app session of its own, prompt_toolkit takes all consoles for one.
                with create_app_session(self.keys, screen):
                    self._prompt = self._make_prompt(screen)
                    await body(line)
                    self._notices.flush()  # why the session ended, under its last prompt
            finally:
                self._prompt = None
                await self.close()
        except FirelineError as error:
            self.show_error(error)
            return error.status
        return self.status

    def _listen(self) -> None:
        """What is told to the person, whatever session he is in."""
        if self.desk_session is not None:
            self.desk_session.on_notice = self._notices.tell

    async def _console(self, first: str | None) -> None:
        if first is not None:
            self.direct = True
            if await self.line(first) != 0:
                return
        else:
            self._first_screen()
        await self._loop()
        self.status = self._ended_status

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
            self.own.zone,
            Counter(a.device for a in broker.actions.ledger.opened() if a.state == "Pending"),
            broker.actions.telling.waiting_for(who.person),
        )
        self.show(Shown(out=text.encode("utf-8", "backslashreplace")))

    async def close(self) -> None:
        self._stop_watching()
        self._tab.close()
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
            self._notices.flush()
            answer = await self._ask()
            if isinstance(answer, str):
                self._warned = False
                self._terminals.something_else()
                await self._lines(answer)
            elif isinstance(answer, Back):
                await self._back(answer.key)
        if self._broken is not None:
            self.client.show(f"{self._broken.shown()}\n".encode())
            self.status = self._ended_status = self._broken.status

    async def _ask(self) -> "str | Back | Stopped":
        prompt = self._prompt
        assert prompt is not None
        session = self.session
        title = f"{self.device_name()} {session.id}" if session is not None else "fireline"
        self._write(self._marks.title(title))
        self._write(self._marks.prompt())
        try:
            return await prompt.line(lambda: self._message(session))
        except EOFError:
            if self.keys.ended or self.client.gone.is_set():
                self.leaving = True
            else:
                await self._control_d()
            return Stopped()

    def _message(self, session: Session | None) -> StyleAndTextTuples:
        """Of the session that it was made for: it is drawn once more as that one goes."""
        device = session.device if session is not None else None
        return prompt_text(
            device.name if device is not None else None,
            session.prompt_words if session is not None else (),
            name_shown(session.folder) if session is not None else "",
            self.client.columns,
            color=self.color,
            marks=self._marks.on,
            plain=self.own.plain,
        )

    async def _control_d(self) -> None:
        running = len(self.session.running) if self.session is not None else 0
        if running and not self._warned:
            self._warned = True
            jobs = "1 job runs" if running == 1 else f"{running} jobs run"
            self.say(f"{jobs}; Ctrl-D again ends them with the session, detach keeps them")
            return
        await self.leave("Ctrl-D")

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
        self._tab.leave()
        status = await super().line(text)
        self._write(self._marks.ended(status))
        return status

    # A device's terminal.
    async def view(self, job: TerminalJob) -> int:
        return await self._terminals.view(job, self.here)

    async def _back(self, key: bytes) -> None:
        try:
            self.status = await self._terminals.back(self.session, key)
        except FirelineError as error:
            self.show_error(error)

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

    @property
    def asks(self) -> bool:
        return self._prompt is not None

    async def action_comment(self, word: str, device: str) -> str | None:
        if self._prompt is None:
            return None
        question = f"Comment for {word} on {device} (empty: nothing happens): "
        answer = (await self._prompt.ask(question)).strip()
        if not answer:
            raise Refused(f"no comment, so {word} on {device} was not asked")
        return answer[:1000]

    async def answer(self, question: str, *yes: str) -> bool:
        if self._prompt is None:
            return False
        return (await self._prompt.ask(question)).strip().lower() in {word.lower() for word in yes}

    async def arrived(self, session: Session) -> None:
        self._stand_in(session)
        if session.device is not None:
            # The first worker after the shim's start is about to say who is signed in.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(USER_KNOWN_S):
                    await session.device.user_known.wait()
        live = self.broker.sessions.live.values()
        others = [s for s in live if s.device is session.device and s is not session]
        self.show(
            Shown(
                out=session_lines(session, others, self.style).encode("utf-8", "backslashreplace")
            )
        )

    def _stand_in(self, session: Session) -> None:
        self.session = session
        session.on_notice = self._notices.tell
        self._notices.session = session
        session.on_taken = self._taken
        session.away.put_behind = lambda: self._put_behind(session)
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
            self._ended_status = Refused.status if self.direct else 0
            self._gone(f"{session.id} has ended: {session.ended_why}")

    def _put_behind(self, session: Session) -> Job | None:
        """The device was lost under what runs in front, if that is one of this session's."""
        following, kept = self._following, self._keeping
        if isinstance(kept, DeviceJob) and kept in session.running:
            kept.behind = True
            self._lost_under.set()
            return None if kept.cancelled_by else kept  # that has its own answer
        starting = self._new_job()
        if isinstance(starting, DeviceJob) and not isinstance(starting, TerminalJob):
            starting.behind = True
            self._lost_under.set()
            return None if starting.cancelled_by else starting
        if following is None or following.job not in session.running:
            return None
        on_device = isinstance(following.job, DeviceJob)
        return following.job if on_device and following.device_lost() else None

    def _taken(self, where: str) -> None:
        session = self.session
        if session is not None:
            session.on_notice = session.on_taken = None
            self._gone(where)

    def _gone(self, why: str) -> None:
        self.session = None
        self.leaving = self.direct
        self._notices.hold(why)
        self._terminals.leave()
        if self._following is not None:
            self._following.let_go()
        if self._prompt is not None:
            self._prompt.stop()

    async def attach(self, session: str) -> None:
        if self.session is not None:
            raise Refused(f"you are on {self.device_name()}; disconnect or detach first")
        there = self.broker.sessions.live.get(session.upper())
        away_since = there.left_at if there is not None and there.detached else None
        found = await self.broker.sessions.attach(self.responder, session)
        self._stand_in(found)
        now = asyncio.get_running_loop().time()
        device = found.device.name if found.device is not None else "-"
        missed, found.notices = found.notices, []
        away = f", away {ago(now - away_since)}" if away_since is not None else ""
        self.say(f"{found.id} {device}{away}{':' if missed else ''}")
        for line in missed:
            self.say(f"  {line}")

    async def look_on(self, session: str) -> None:
        watched = company.found(self.broker.sessions, self.responder, session)
        async with watched.company.watched(self.responder):
            let_in = await self.live_view(watched, lambda: self._asked_for(watched))
        if let_in:
            await self.attach(watched.id)
        elif watched.ended.is_set():
            self.say(f"{watched.id} has ended: {watched.ended_why}")

    async def ask_for(self, session: str) -> None:
        wanted = company.found(self.broker.sessions, self.responder, session)
        await self.waited(self._asked_for(wanted), wanted.person)
        await self.attach(wanted.id)

    async def _asked_for(self, wanted: Session) -> None:
        if self.session is not None:
            raise Refused(f"you are on {self.device_name()}; disconnect or detach first")
        await wanted.company.ask(self.responder, self.broker.config.limits.ask_s)

    async def detach(self) -> None:
        session = self.session
        if session is None:
            raise Refused("no session to leave here; exit leaves Fireline")
        self._stop_watching()
        self.session, session.on_taken = None, None
        await whole(session.detach("detach"), self.broker.own)
        minutes = self.broker.config.limits.left_open_s / 60
        self.say(
            f"{session.id} stays open with its jobs for {minutes:.0f} min: attach {session.id}"
        )
        self.leaving = self.direct

    async def disconnect(self, by: str = "disconnect") -> None:
        session = self.session
        self._stop_watching()
        await super().disconnect(by)
        self._notices.flush()  # what ended with it, before it
        if session is not None and session.device is not None:
            self.say(f"{session.id} on {session.device.name} has ended")
