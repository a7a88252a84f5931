"""A terminal on a device: callbacks from the stream to the recording to whoever looks at it.

1. What the device shows is in the recording before it reaches the screen; what is typed is there
   before it goes to the device. What a line gives without a terminal is kept in its result file,
   output and errors apart, before it is passed on.
2. At most one viewer; without one the terminal goes on, recorded as away.
3. While the device says that a password is read, only the length of what is typed is recorded.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from commands.exec import Exec
from commands.language import items, wire
from commands.language.errors import FirelineError
from server.audit.chunks import Kind
from server.audit.errors import RecordingBroken, RecordingFull
from server.live.device_job import DeviceJob
from server.live.modes import Modes

KEPT = 65_536
MOST_SAID = 20


class Viewer:
    """One screen on the terminal, until it leaves."""

    def __init__(self, job: "TerminalJob", on_output: Callable[[bytes], None]) -> None:
        self._job, self.on_output = job, on_output
        self.on_writable: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> bool:
        """Gives typed bytes; False: full, until `on_writable` is called."""
        return self._job.typed_bytes(data)

    def end_input(self) -> None:
        """Nothing more will be typed; a shell without a terminal ends by it."""
        if self._job.stream is not None and self._job.running:
            self._job.stream.send(wire.Eof())

    def resize(self, columns: int, rows: int) -> None:
        self._job.resize(columns, rows)

    def signal(self, name: str) -> None:
        self._job.signal(name)

    def pause(self) -> None:
        """The screen is slow: the device stops writing, nothing piles up here."""
        if self._job.stream is not None:
            self._job.stream.pause()

    def resume(self) -> None:
        if self._job.stream is not None:
            self._job.stream.resume()

    def leave(self) -> bytes:
        """Takes the screen away; the bytes that put it at rest."""
        return self._job.left(self)


class TerminalJob(DeviceJob):
    """One shell."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.viewer: Viewer | None = None
        self.quiet = False
        self.plain = not getattr(self.command, "terminal", True)
        """Without a terminal; the recording says so by a size of 0x0."""
        self._apart = self.plain and isinstance(self.command, Exec)
        """Its output goes to the result file."""
        self.left_behind: list[str] = []
        """What the device says of what the command left running."""
        self.to_stderr = False
        """Where what comes now belongs; a terminal has only one."""
        self.modes = Modes()
        self._frozen = False
        self._held: list[bytes] = []
        self.on_typed: Callable[[], None] = lambda: None
        self.on_unrecorded: Callable[[FirelineError], None] = lambda error: None
        self._viewed = False
        self._recent: deque[bytes] = deque()
        self._size = 0
        self._early: list[tuple[bool, bytes]] = []

    def view(self, on_output: Callable[[bytes], None], columns: int, rows: int) -> Viewer:
        """Puts a screen on it; one that was there is taken away."""
        if self.viewer is not None:
            self.left(self.viewer)
        viewer = Viewer(self, on_output)
        self.viewer = viewer
        if self._viewed:
            self.journal.recording.write(Kind.BACK, self.number, b"")
            on_output(self.modes.redo() + self._last_lines())
        self._viewed = True
        now = self.to_stderr
        for to_stderr, data in self._early:
            self.to_stderr = to_stderr
            on_output(data)
        self._early.clear()
        self.to_stderr = now
        if self.plain:
            # Both begin now: a replay brings them together by their times.
            self.journal.recording.resize(self.number, 0, 0)
            if self._apart and self.running and self._result is None:
                self.feed(items.Into("stdout"))
        self.resize(columns, rows)
        if not self._frozen:
            viewer.resume()
        return viewer

    def unseen(self) -> None:
        """Nobody will look any more: what was held for somebody is not."""
        if self.viewer is None and self.stream is not None:
            self._viewed = True
            self.stream.resume()

    def left(self, viewer: Viewer) -> bytes:
        """The screen goes; the terminal stays."""
        if self.viewer is viewer:
            self.viewer = None
            if self.running:
                self.journal.recording.write(Kind.AWAY, self.number, b"")
            if self.stream is not None:
                self.stream.resume()  # after the mark: nobody looks at what was held
        return self.modes.undo()

    def freeze(self, frozen: bool) -> None:
        """While the recording is not on the disk the device writes no more."""
        self._frozen = frozen
        if self.stream is not None:
            self.stream.pause() if frozen else self.stream.resume()
        if not frozen and self._held:
            held, self._held = b"".join(self._held), []
            if self.typed_bytes(held) and self.viewer is not None:
                self.viewer.on_writable()

    def resize(self, columns: int, rows: int) -> None:
        columns, rows = min(columns, 1000) or 80, min(rows, 1000) or 24
        if not self.plain and self.running and self.stream is not None and self.stream.alive:
            self.journal.recording.resize(self.number, columns, rows)
            self.stream.send(wire.Resize(columns=columns, rows=rows))

    def signal(self, name: str) -> None:
        """Recorded, then sent, like a key; a name that nobody knows is nobody's."""
        stream = self.stream
        if name not in wire.SIGNALS or stream is None or not self.running or not stream.alive:
            return
        try:
            self.journal.recording.marker(self.number, f"#{self.number} signal {name}")
        except (RecordingFull, RecordingBroken) as error:
            self._unrecorded(error)
            return
        stream.send(wire.Signal(name=name))

    def typed_bytes(self, data: bytes) -> bool:
        """Recorded, then sent; typing is activity."""
        self.on_typed()
        stream = self.stream
        if stream is None or not self.running or not stream.alive:
            return True
        stream.share.typed()
        if self._frozen:
            self._held.append(data)  # one piece at most: who is told False waits
            return False
        try:
            if self.quiet:
                self.journal.recording.quiet(self.number, len(data))
            else:
                self.journal.recording.write(Kind.INPUT, self.number, data)
        except (RecordingFull, RecordingBroken) as error:
            self._unrecorded(error)
            return True
        return stream.send_bytes(data)

    def on_bytes(self, data: bytes) -> None:
        try:
            if self._apart:
                self.feed_bytes(data)
            else:
                self.journal.recording.write(Kind.OUTPUT, self.number, data)
                self.bytes += len(data)
        except (RecordingFull, RecordingBroken) as error:
            self._unrecorded(error)
            return
        # Shown first: what is only kept for the next screen must not delay this one.
        if self.viewer is not None:
            self.viewer.on_output(data)
        elif not self._viewed and (self.plain or self._size < KEPT):
            self._early.append((self.to_stderr, data))
            if self.plain and self.stream is not None:
                self.stream.pause()  # a program gets every byte, though it may come late for them
        if not self.plain:
            self.modes.feed(data)
            self._keep(data)

    def _unrecorded(self, error: FirelineError) -> None:
        """What cannot be recorded is not shown: the terminal ends, and its session with it."""
        self._stop_at_limit(error)
        self.on_unrecorded(error)

    @property
    def shell_status(self) -> int:
        """The shell's own exit status; one that a signal ended has 128 and its number."""
        code = self.exit_code or 0
        return code if code >= 0 else 128 - code

    def _take(self, item: items.Sent) -> None:
        if isinstance(item, items.Into) and item.where in ("stdout", "stderr"):
            self.to_stderr = item.where == "stderr"
            if not self._apart:
                return
        elif isinstance(item, items.Note) and len(self.left_behind) < MOST_SAID:
            self.left_behind.append(item.text)
        super()._take(item)

    def on_message(self, message: wire.StreamUp) -> None:
        if isinstance(message, wire.Quiet):
            self.quiet = message.on
        else:
            super().on_message(message)

    def on_writing(self, may: bool) -> None:
        super().on_writing(may)
        if may and self.viewer is not None:
            self.viewer.on_writable()

    def on_away(self) -> None:
        if not self.cancelled_by:  # one that is told to end goes with its stream: nothing broke
            self.journal.recording.write(Kind.GAP, self.number, b"the stream broke")
        super().on_away()

    def _keep(self, data: bytes) -> None:
        self._recent.append(data)
        self._size += len(data)
        while self._size - len(self._recent[0]) >= KEPT:
            self._size -= len(self._recent.popleft())

    def _last_lines(self) -> bytes:
        data = b"".join(self._recent)[-KEPT:]
        if self._size > KEPT:
            data = data[data.find(b"\n") + 1 :]
        return data
