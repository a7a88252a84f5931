"""Exec and lines: rows on standard output, messages on standard error, the exit status at the end.

1. An exec is one line; what is no command of ours is refused in one sentence and nothing is run.
2. Without a command, or with `connect NAME`, and without a terminal standard input is lines, run
   in order; the exit status is that of the last. Nothing is asked.
   Who waits for a prompt is told, on standard error, what is read here.
3. `on` and every other exec end with their channel, and their command with them.
"""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from commands.exec import Exec
from commands.exit import Exit
from commands.language.command import find
from commands.language.errors import FirelineError, NotUnderstood
from commands.language.line import MAX_LINE, TypedLine, parse, quoted, split
from commands.language.visible import visible
from commands.library import Library
from commands.shell import Shell
from server.doors.asked import wants_json
from server.doors.client import Client, Stdin
from server.doors.face import Face
from server.doors.plain_view import PlainView
from server.doors.station import Station
from server.live.render import Shown
from server.live.responder import Door
from server.live.session import Session
from server.live.terminal_job import TerminalJob

if TYPE_CHECKING:
    from server.live.rooms import Rooms

PROBES = re.compile(
    r"(/|\\|rsync\b|scp\b|sh\b|bash\b|zsh\b|exec\b|env\b|export\b|echo\b|uname\b|cmd\b|"
    r"powershell\b|mosh-server\b|git-|tmux\b|internal-sftp\b|stty\b)"
)
"""What terminals and tools send of their own accord, to start themselves on a host with a shell."""
SETTINGS = (
    (r"rsync\b", "rsync cannot run over Fireline; sftp and scp read and write /devices/NAME/…"),
    (r"mosh-server\b", "mosh cannot run over Fireline; use ssh"),
    (r".*(TERMINFO|terminfo|kitty|ghostty|wezterm|TERM=)", "switch off your terminal's ssh "
     "integration (RemoteCommand, kitten ssh, shell-integration-features)"),
)  # fmt: skip


SILENT_S = 3.0
"""Nobody types for so long who has seen a prompt; a program that is slow may."""
NO_TERMINAL = (
    "without a terminal the lines of standard input are commands; none has come yet; "
    "for the console: ssh -t"
)


class BatchFace:
    """Two streams, nothing redrawn."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def show(self, shown: Shown) -> None:
        if shown.out:
            self._client.show(shown.out)
        if shown.err:
            self._client.show_error(shown.err)

    def redraw(self, line: str) -> None: ...

    async def drain(self) -> None:
        await self._client.drain()


class Batch(Station):
    """One exec, or lines on standard input."""

    def __init__(self, broker: "Rooms", client: Client, door: Door, stdin: Stdin) -> None:
        super().__init__(broker, client, door)
        self._face = BatchFace(client)
        self._stdin = stdin
        self._lines = False
        self._shell_alone = False

    @property
    def face(self) -> Face:
        return self._face

    async def arrived(self, session: Session) -> None:
        await super().arrived(session)
        session.on_notice = self.say  # the end of a job, its own or its session's

    async def view(self, job: TerminalJob) -> int:
        stdin = self._stdin if isinstance(job.command, Shell) else None
        await PlainView(self.client, stdin, job).run()
        if job.error is not None:
            raise job.error
        return job.shell_status

    def without_terminal(self, typed: TypedLine) -> TypedLine:
        """An exec `shell NAME` reads standard input as data, `exec LINE` none at all."""
        command = typed.command
        if isinstance(command, Exec) or (self._shell_alone and isinstance(command, Shell)):
            return dataclasses.replace(typed, command=replace(command, terminal=False))
        return super().without_terminal(typed)

    def standard_input(self) -> AsyncIterator[bytes] | None:
        """Bytes of a new library file; in lines they are lines."""
        command = self.typed.command if self.typed is not None else None
        if self._lines or not isinstance(command, Library):
            return None
        return aiter(self._stdin)

    # One line.
    async def exec(self, text: str) -> int:
        """The whole of an exec."""
        self._asked_json = wants_json(text)
        try:
            await self.begin()
            try:
                refuse_foreign(text)
                return await self.line(text)
            finally:
                await self.close()
        except FirelineError as error:
            self.show_error(error)
            return error.status

    async def shell(self, device: str, line: str) -> int:
        """An exec `shell NAME`: the device's shell on standard input."""
        self._shell_alone = True
        words = split(line)
        return await self.exec(f"on {quoted(device)} shell {line[words[1].end :].strip()}")

    # Lines.
    async def lines(self, first: str | None) -> int:
        """`first` (a connect), then what standard input brings."""
        self._lines = True
        try:
            await self.begin()
            try:
                if first is not None:
                    self.direct = True
                    if await self.line(first) != 0:
                        return self.status
                await self._run_lines()
                return self.status
            finally:
                await self.close()
        except FirelineError as error:
            self.show_error(error)
            return error.status

    async def _run_lines(self) -> None:
        loop = asyncio.get_running_loop()
        silent = loop.call_later(SILENT_S, self.say, NO_TERMINAL)
        try:
            await self._run_each(silent)
        finally:
            silent.cancel()

    async def _run_each(self, silent: asyncio.TimerHandle) -> None:
        async for text in typed_lines(self._stdin):
            silent.cancel()
            if not text.strip():
                continue
            last = self.status
            await self.line(text)
            if self.typed is not None and isinstance(self.typed.command, Exit):
                self.status = last  # exit ends with the status of the line before it
            if self.leaving:
                return


async def typed_lines(stdin: Stdin) -> AsyncIterator[str]:
    """Standard input as lines; one that is too long ends them, for nobody knows what it was."""
    held = bytearray()
    async for data in stdin:
        held += data
        while (end := held.find(b"\n")) >= 0:
            line = bytes(held[:end]).removesuffix(b"\r")
            del held[: end + 1]
            yield line.decode("utf-8", "surrogateescape")
        if len(held) > MAX_LINE + 2:
            raise NotUnderstood(f"a line is longer than {MAX_LINE} bytes; nothing after it was run")
    if held:
        yield bytes(held).decode("utf-8", "surrogateescape")


def refuse_foreign(text: str) -> None:
    """Refuses what is no command, with the client's setting that stops it where we know one."""
    word = text.split(None, 1)[0] if text.strip() else ""
    if find(word.strip("'\"")) is not None or not PROBES.match(text.lstrip()):
        return
    shown = visible(text.splitlines()[0])[:60] if text.splitlines() else ""
    for pattern, hint in SETTINGS:
        if re.match(pattern, text.lstrip(), re.DOTALL):
            raise NotUnderstood(f"{shown} is no command here: {hint}")
    raise NotUnderstood(
        f"{shown} is no command here: there is no shell on the broker; "
        "ssh … help lists the words; RemoteCommand=none stops a client that sends this"
    )


def connects_to(text: str) -> bool:
    """Whether an exec is `connect NAME`, which opens a console or reads lines."""
    try:
        words = split(text)
        return bool(words) and words[0].text.lower() == "connect" and bool(parse(text))
    except NotUnderstood:
        return False


def shell_of(text: str) -> str | None:
    """The device of an exec `shell NAME`; None for any other line."""
    try:
        words = split(text)
    except NotUnderstood:
        return None
    if len(words) >= 2 and words[0].text.lower() == "shell" and not words[1].text.startswith("-"):
        return words[1].text
    return None
