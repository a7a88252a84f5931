"""Another's session on a person's own terminal while it goes on: read only, as it is recorded.

1. What is shown is what the recording has: nothing of the watched session waits for a watcher.
2. The recorded size is kept; a smaller window shows a part of it, each line cut at its edge. The
   last row is ours.
3. Of what was there before, the screen's last 256 KiB are shown, as a replay's jump does.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from commands.language.errors import FirelineError
from server.audit.chunks import Chunk, Reader
from server.audit.replay import SILENT, Frame, OnScreen
from server.doors.device_output import DeviceOutput
from server.doors.played_screen import PlayedScreen
from server.doors.player import BEFORE, ENTER, LEAVE, shown_of
from server.live.session import Session

SOME = 256
LOOK_S = 1.0
CUT, WRAPPED = b"\x1b[?7l", b"\x1b[?7h"
LEAVE_KEYS = ("", "q", "\x03", "\x04", "\x1d")


class LiveView:
    """One stay, until a key, the session's end, or the person is let in."""

    def __init__(
        self,
        session: Session,
        write: Callable[[bytes], None],
        drain: Callable[[], Awaitable[None]],
        next_key: Callable[[], Awaitable[str]],
        size: Callable[[], tuple[int, int]],
        check: Callable[[], None],
        ask: Callable[[], Awaitable[None]],
    ) -> None:
        self._session, self._write, self._drain = session, write, drain
        self._next_key, self._size, self._check, self._ask = next_key, size, check, ask
        self.let_in = False
        self._over = False
        self._said = ""
        self._news = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._output, self._shown = DeviceOutput(), OnScreen()
        self._screen = PlayedScreen(size()[1])
        self._recorded: tuple[int, int] | None = None
        self._drawn = ""
        self._before: deque[Frame] | None = deque()
        self._held = 0

    def resized(self) -> None:
        """The person's window has another size now; the rows for the recording too."""
        self._screen = PlayedScreen(self._size()[1])
        self._write(self._screen.cleared() + self._edge())
        self._drawn = ""
        self._news.set()

    async def run(self) -> None:
        """Follows the recording as it grows."""
        recording, ended = self._session.journal.recording, self._session.ended
        recording.on_growth.add(self._news.set)
        keys = asyncio.create_task(self._keys())
        ending = asyncio.create_task(ended.wait())
        ending.add_done_callback(lambda _: self._news.set())
        self._write(ENTER + self._screen.cleared() + self._edge())
        try:
            reader = Reader(recording.path, past_damage=True)
            while not self._over:
                self._news.clear()
                await self._read(reader)
                self._status()
                if ended.is_set():
                    break
                await self._wait()
                self._check()
        finally:
            recording.on_growth.discard(self._news.set)
            for task in (keys, ending, self._asking):
                if task is not None:
                    task.cancel()
            self._write(self._output.undo() + WRAPPED + LEAVE)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                await self._news.wait()
        except TimeoutError:
            return

    async def _read(self, reader: Reader) -> None:
        """All that is there now."""
        chunks = iter(reader)
        while not self._over and (some := await asyncio.to_thread(_some, chunks)):
            for chunk in some:
                if chunk.kind in SILENT:
                    continue
                frame = Frame(chunk.ms / 1000, chunk.kind, chunk.terminal, chunk.data)
                for one in self._shown.feed(frame):
                    self._take(one)
            if self._before is None:
                await self._drain()
        if self._before is not None:
            before, self._before = self._before, None
            for frame in before:
                self._put(frame)

    def _take(self, frame: Frame) -> None:
        if self._before is None:
            self._put(frame)
            return
        self._before.append(frame)
        self._held += len(frame.data)
        while self._held - len(self._before[0].data) > BEFORE:
            gone = self._before.popleft()
            self._held -= len(gone.data)
            self._sized(gone)

    def _put(self, frame: Frame) -> None:
        self._sized(frame)
        self._write(self._screen.passed(self._output.passed(shown_of(frame))))

    def _sized(self, frame: Frame) -> None:
        if frame.size is not None and all(frame.size):
            self._recorded = frame.size
            self._write(self._screen.resized(frame.size[1]) + self._edge())

    def _edge(self) -> bytes:
        """A line that is longer than this window would else push the others out of place."""
        holder = self._session.responder.columns
        columns = self._recorded[0] if self._recorded is not None else holder
        return CUT if columns > self._size()[0] else WRAPPED

    # Keys.
    async def _keys(self) -> None:
        while not self._over:
            key = await self._next_key()
            if key in LEAVE_KEYS:
                self._over = True
            elif key == "a" and (self._asking is None or self._asking.done()):
                self._asking = asyncio.create_task(self._asks())
            self._news.set()

    async def _asks(self) -> None:
        self._said = f"{self._session.person} is asked to let you in"
        try:
            await self._ask()
            self._over = self.let_in = True
        except FirelineError as error:
            self._said = error.shown()
        self._news.set()

    def _status(self) -> None:
        columns, rows = self._size()
        session, recorded = self._session, self._recorded
        device = session.device.name if session.device is not None else "-"
        size = f"  {recorded[0]}x{recorded[1]}" if recorded else ""
        text = f"{session.id} {device} {session.person}{size}  watching"
        text += f"  {self._said}" if self._said else "  a asks to take over"
        text = f"{text}  q ends"[: columns - 1]
        if text == self._drawn and not self._screen.wiped:
            return
        self._drawn, self._screen.wiped = text, False
        shown = text.encode("utf-8", "backslashreplace")
        self._write(b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0;2m\x1b[2K%s\x1b[0m\x1b8" % (rows, shown))


def _some(chunks: Iterator[Chunk]) -> list[Chunk]:
    found: list[Chunk] = []
    for chunk in chunks:
        found.append(chunk)
        if len(found) == SOME:
            break
    return found
