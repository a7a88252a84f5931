"""A recording on an auditor's own terminal: at its speed, by keys to a command, a time, a text.

1. What is shown passes the filter of a live screen unless `raw` was asked for.
2. A jump shows what the screen had written shortly before that moment, not the whole past again.
3. Frames are read in a thread, some at a time; the player holds no recording in memory.
4. The last row is the player's own; a window of another size shows the moment anew.
5. Times are the recording's own, whatever the idle limit: that cuts the waiting alone.
"""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from server.audit.chunks import Kind
from server.audit.replay import (
    Frame,
    Mark,
    first_size,
    frames,
    length,
    marks,
    screen,
)
from server.doors.device_output import DeviceOutput
from server.doors.played_screen import PlayedScreen

SOME = 256
BEFORE = 256 * 1024
"""Bytes of output before a jump's target that are shown again."""
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
STEP_S = 10.0
REDRAW_S = 0.25
HELP = "space stops  [ ] command  , . 10 s  / text  + - speed  q ends"
ENTER, LEAVE = b"\x1b[?1049h\x1b[2J\x1b[H", b"\x1b[r\x1b[?1049l\x1b[0m"


@dataclass
class Played:
    """What is being played, and how."""

    path: Path
    title: str
    at_s: float
    speed: float
    idle: float | None
    raw: bool


class Player:
    """One replay, until `q` or the end and a key."""

    def __init__(
        self,
        played: Played,
        write: Callable[[bytes], None],
        drain: Callable[[], Awaitable[None]],
        next_key: Callable[[], Awaitable[str]],
        size: Callable[[], tuple[int, int]],
    ) -> None:
        self._what, self._write, self._drain = played, write, drain
        self._next_key, self._size = next_key, size
        self._speed, self._at, self._stopped, self._over = played.speed, 0.0, False, False
        self._jump: float | None = played.at_s or None
        self._find = ""
        self._help = False
        self._keyed = asyncio.Event()
        self._marks: list[Mark] = []
        self._length = 0.0
        self._drawn = 0.0
        self._window = size()
        self._rows = self._window[1]
        self._screen = PlayedScreen(self._rows)

    def resized(self) -> None:
        """The person's window has another size now."""
        if self._window != self._size():
            self._jump = self._at + 0.001  # times are whole milliseconds: all until now
            self._keyed.set()

    async def run(self) -> None:
        """Plays until the person has had enough."""
        path = self._what.path
        self._marks = await asyncio.to_thread(marks, path)
        self._length = await asyncio.to_thread(length, path)
        first = await asyncio.to_thread(first_size, path)
        self._rows = first[1] if first else self._size()[1]
        self._write(ENTER)
        keys = asyncio.create_task(self._keys())
        try:
            while not self._over:
                await self._play_from(self._jump or 0.0)
        finally:
            keys.cancel()
            self._write(LEAVE)

    async def _play_from(self, start: float) -> None:
        """From `start` to the end, a jump or `q`."""
        self._jump, loop = None, asyncio.get_running_loop()
        output = None if self._what.raw else DeviceOutput()
        source = screen(frames(self._what.path))
        before: deque[Frame] = deque()
        held, began, began_at = 0, 0.0, start
        self._window = self._size()
        self._screen = PlayedScreen(self._window[1])
        self._write(self._screen.resized(self._rows) + self._screen.cleared())
        while some := await asyncio.to_thread(_some, source):
            for frame in some:
                if frame.at_s < start:
                    before.append(frame)
                    held += len(frame.data)
                    while held - len(before[0].data) > BEFORE:
                        held -= len((gone := before.popleft()).data)
                        self._sized(gone)
                    self._at = frame.at_s
                    continue
                while before:
                    self._put(output, before.popleft())
                if not began:
                    began, self._at = loop.time(), start
                began_at += self._cut(frame.at_s)
                began, began_at = await self._wait_until(frame.at_s, began, began_at)
                if self._left:
                    return
                self._at = frame.at_s
                self._put(output, frame)
                self._seek_text(frame.data)
                await self._drain()
                self._status(loop.time())
        while before:
            self._put(output, before.popleft())
        await self._at_end()

    def _cut(self, at_s: float) -> float:
        """Seconds of the pause before a frame that the idle limit leaves out."""
        idle = self._what.idle
        if idle is None or self._find:
            return 0.0
        cut = max(0.0, at_s - self._at - idle)
        self._at += cut
        return cut

    async def _wait_until(self, at_s: float, began: float, began_at: float) -> tuple[float, float]:
        """Sleeps until a frame is due; returns the base of the next ones (a stop moves it)."""
        loop = asyncio.get_running_loop()
        speed = self._speed
        while not self._left:
            if speed != self._speed or self._stopped:
                began, began_at, speed = loop.time(), self._at, self._speed
            due = began + (at_s - began_at) / speed
            left = due - loop.time()
            if not self._stopped and (left <= 0 or self._find):
                break
            self._status(loop.time())
            self._keyed.clear()
            try:
                async with asyncio.timeout(None if self._stopped else min(left, 1.0)):
                    await self._keyed.wait()
            except TimeoutError:
                self._at = min(at_s, began_at + (loop.time() - began) * speed)
        return began, began_at

    async def _at_end(self) -> None:
        """The last screen stays until a key."""
        self._at, self._stopped = self._length, True
        while not self._left:
            self._status(0.0)
            self._keyed.clear()
            await self._keyed.wait()

    @property
    def _left(self) -> bool:
        """Whether this stretch is over: by a jump, or for good."""
        return self._over or self._jump is not None

    def _put(self, output: DeviceOutput | None, frame: Frame) -> None:
        self._sized(frame)
        data = shown_of(frame)
        self._write(self._screen.passed(data if output is None else output.passed(data)))

    def _sized(self, frame: Frame) -> None:
        if frame.size is not None and frame.size[1]:
            self._write(self._screen.resized(frame.size[1]))

    def _seek_text(self, data: bytes) -> None:
        if self._find and self._find.encode() in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", data):
            self._find, self._stopped = "", True

    # Keys.
    async def _keys(self) -> None:
        while not self._over:
            key = await self._next_key()
            self._help = False
            await self._key(key)
            self._drawn = 0.0
            self._keyed.set()

    async def _key(self, key: str) -> None:
        match key:
            case "" | "q" | "\x03" | "\x04":
                self._over = True
            case " ":
                self._stopped = not self._stopped
            case "]":
                after = [m.at_s for m in self._marks if m.at_s > self._at + 0.001]
                self._go(after[0] if after else self._length)
            case "[":
                earlier = [m.at_s for m in self._marks if m.at_s < self._at - 1.0]
                self._go(earlier[-1] if earlier else 0.0)
            case ".":
                self._go(self._at + STEP_S)
            case ",":
                self._go(self._at - STEP_S)
            case "+" | "=":
                self._speed = next((s for s in SPEEDS if s > self._speed), self._speed)
            case "-":
                self._speed = next((s for s in SPEEDS[::-1] if s < self._speed), self._speed)
            case "/":
                await self._ask_text()
            case "?":
                self._help = True

    def _go(self, at_s: float) -> None:
        self._jump, self._stopped = min(max(at_s, 0.0), self._length), False

    async def _ask_text(self) -> None:
        text = ""
        while True:
            self._line(f"find: {text}_")
            key = await self._next_key()
            if key in ("\r", "\n", ""):
                break
            text = text[:-1] if key in ("\x7f", "\x08") else text + key
        self._find, self._stopped = text, False

    # The status line.
    def _status(self, now: float) -> None:
        if now and now - self._drawn < REDRAW_S and not self._screen.wiped:
            return
        self._drawn, self._screen.wiped = now, False
        if self._help:
            self._line(HELP)
            return
        passed = [m.text for m in self._marks if m.at_s <= self._at]
        how = "stopped" if self._stopped else f"x{self._speed:g}"
        text = f"{self._what.title}  {_clock(self._at)} of {_clock(self._length)}  {how}"
        text += f"  {passed[-1]}" if passed else ""
        self._line(f"{text}        space  [ ]  , .  /  + -  ?  q")

    def _line(self, text: str) -> None:
        columns, rows = self._size()
        shown = text[: columns - 1].encode("utf-8", "backslashreplace")
        self._write(b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0;2m\x1b[2K%s\x1b[0m\x1b8" % (rows, shown))


def _some(source: Iterator[Frame]) -> list[Frame]:
    found: list[Frame] = []
    for frame in source:
        found.append(frame)
        if len(found) == SOME:
            break
    return found


def shown_of(frame: Frame) -> bytes:
    """The bytes that a frame puts on a screen."""
    match frame.kind:
        case Kind.OUTPUT:
            return frame.data
        case Kind.GAP:
            return f"\r\n[{frame.text}]\r\n".encode()
        case Kind.RECOVERED:
            return b"\r\n[the broker stopped here]\r\n"
        case _:
            return b""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
