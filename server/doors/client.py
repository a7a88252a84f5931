"""The one session class: a channel of a person's connection, and what may be done with it.

1. Whoever serves the channel sets `taker`; the client's bytes go there by callback, no queue.
2. `show` and `show_error` write text with "\\n" line ends; `write` writes bytes as they are.
3. The exit status is always sent, after everything that was written.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import asyncssh

from server.doors.channel import ServerChannel
from server.doors.login import Login
from server.live.responder import Door, Responder

LONGEST_COMMENT = 200


class Taker(Protocol):
    """Who gets what the client sends."""

    def data(self, data: bytes) -> None: ...
    def eof(self) -> None: ...
    def resized(self) -> None: ...
    def writable(self, can: bool) -> None: ...
    def signal(self, name: str) -> None: ...


class Nobody:
    """Takes what nobody wants."""

    def data(self, data: bytes) -> None: ...
    def eof(self) -> None: ...
    def resized(self) -> None: ...
    def writable(self, can: bool) -> None: ...
    def signal(self, name: str) -> None: ...


Serve = Callable[["Client"], Awaitable[int]]
"""Serves one channel from its start; returns the exit status."""


class Fronts(Protocol):
    """What the door offers behind a channel: each gives the taker of the first bytes."""

    def open_shell(self, client: "Client") -> Serve: ...
    def open_exec(self, client: "Client", line: str) -> Serve: ...
    def open_subsystem(self, client: "Client", name: str) -> Serve | None: ...
    def start(self, client: "Client", serve: Serve) -> asyncio.Task[None]: ...


class Client(asyncssh.SSHServerSession[bytes]):
    """A channel, from its opening to its close."""

    def __init__(self, fronts: Fronts, login: Login) -> None:
        self.login = login
        self.taker: Taker = Nobody()
        self.terminal = False
        self.term = ""
        self.columns, self.rows = 80, 24
        self.gone = asyncio.Event()
        """Set when the client can be told nothing any more."""
        self.on_gone: Callable[[], None] | None = None
        self._fronts = fronts
        self._serve: Serve | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    # What asyncssh calls.
    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        assert isinstance(chan, ServerChannel)
        self.channel = chan
        self.login.opened(self)

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: object
    ) -> bool:
        self.terminal, self.term = True, term_type[:64]
        self.channel.send_little()
        self._size(*term_size[:2])
        return True

    def terminal_size_changed(self, width: int, height: int, *_: int) -> None:
        self._size(width, height)
        self.taker.resized()

    def shell_requested(self) -> bool:
        self._serve = self._fronts.open_shell(self)
        return True

    def exec_requested(self, command: str) -> bool:
        self._serve = self._fronts.open_exec(self, command)
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        self._serve = self._fronts.open_subsystem(self, subsystem)
        return self._serve is not None

    def session_started(self) -> None:
        assert self._serve is not None
        self.login.session_open()
        self._task = self._fronts.start(self, self._serve)

    def data_received(self, data: bytes, datatype: object = None) -> None:
        self.taker.data(data)

    def eof_received(self) -> bool:
        self.taker.eof()
        return True  # else the channel closes, and the answer with it

    def signal_received(self, signal: str) -> None:
        self.taker.signal(signal)

    def pause_writing(self) -> None:
        self._writable.clear()
        self.taker.writable(False)

    def resume_writing(self) -> None:
        self._writable.set()
        self.taker.writable(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        self._writable.set()
        self.login.closed(self)
        if self.on_gone is not None:
            self.on_gone()
        if self._task is not None:
            self._task.cancel("the client is gone")

    # What those who serve it call.
    def write(self, data: bytes) -> None:
        """Bytes as they are; after the client has gone they go nowhere."""
        with contextlib.suppress(BrokenPipeError):
            self.channel.write(data)

    def show(self, text: bytes) -> None:
        self.write(text.replace(b"\n", b"\r\n") if self.terminal else text)

    def show_error(self, text: bytes) -> None:
        """To standard error where there is one: a terminal has only one stream."""
        if self.terminal:
            self.show(text)
            return
        self.write_error(text)

    def write_error(self, data: bytes) -> None:
        """Bytes as they are, to standard error."""
        with contextlib.suppress(BrokenPipeError):
            self.channel.write_stderr(data)

    @property
    def can_write(self) -> bool:
        return self._writable.is_set()

    async def drain(self) -> None:
        """Waits while the client does not read."""
        await self._writable.wait()

    def pause(self) -> None:
        self.channel.pause_reading()

    def resume(self) -> None:
        if not self.gone.is_set():
            self.channel.resume_reading()

    def exit(self, status: int) -> None:
        """The status; a negative one is the number of the signal that ended it."""
        with contextlib.suppress(OSError):
            if status < 0:
                self.channel.exit_with_signal(_signal_name(-status))
            else:
                self.channel.exit(status)

    @property
    def smart(self) -> bool:
        """Whether the terminal can redraw a line and set its title."""
        return self.terminal and self.term not in ("", "dumb")

    @property
    def color(self) -> bool:
        return self.smart and not self.channel.get_environment_bytes().get(b"NO_COLOR")

    @property
    def comment(self) -> str | None:
        """What FIRELINE_COMMENT holds; see `comment_too_long` first."""
        given = self.channel.get_environment_bytes().get(b"FIRELINE_COMMENT", b"")
        return given.decode("utf-8", "replace").strip() or None

    @property
    def comment_too_long(self) -> bool:
        return self.channel.comment_cut or len(self.comment or "") > LONGEST_COMMENT

    def responder(self, door: Door) -> Responder:
        """The person at this channel, for the rooms behind the doors."""
        who = self.login
        return Responder(
            who.person, who.key, who.source, who.version, door, self.comment,
            self.columns, self.rows, self.terminal, self.color,
        )  # fmt: skip

    def _size(self, columns: int, rows: int) -> None:
        # A PTY of 0x0 is legal and means that nobody knows.
        self.columns = min(columns, 1000) or 80
        self.rows = min(rows, 500) or 24


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return f"{number}@fireline"  # a name of our own needs the at sign (RFC 4254, 6.10)


class Stdin:
    """Standard input as an iterator of bytes; what is not read yet is held at the client."""

    HIGH = 128 * 1024

    def __init__(self, client: Client) -> None:
        self._client = client
        self._buffer = bytearray()
        self._ended = False
        self._more = asyncio.Event()
        self._paused = False

    def data(self, data: bytes) -> None:
        self._buffer += data
        self._more.set()
        if len(self._buffer) > self.HIGH and not self._paused:
            self._paused = True
            self._client.pause()

    def eof(self) -> None:
        self._ended = True
        self._more.set()

    def resized(self) -> None: ...
    def writable(self, can: bool) -> None: ...
    def signal(self, name: str) -> None: ...

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.read():
            yield data

    async def read(self) -> bytes:
        """The next bytes; none at the end."""
        while not self._buffer and not self._ended:
            self._more.clear()
            await self._more.wait()
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._paused:
            self._paused = False
            self._client.resume()
        return data
