"""A recording as frames in time: what a player shows and an export writes.

A damaged chunk is passed on like any other (`verify` names it): one broken place must not hold
back the rest. Times are the recording's own, in seconds since the session's start.
"""

import heapq
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from server.audit.chunks import COUNT, SIZE, Kind, Reader
from server.audit.folders import Folders

AWAY_KEPT: Final = 64 << 10
# Written for the record's sake; they show nothing.
SILENT: Final = frozenset({Kind.COMMIT, Kind.OPENED})
_AT: Final = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{2})(?:\.([0-9]{1,3}))?")


class Frame(NamedTuple):
    """One thing that happened on a terminal; terminal 0 is the console."""

    at_s: float
    kind: Kind
    terminal: int
    data: bytes

    @property
    def size(self) -> tuple[int, int] | None:
        """Columns and rows of a resize."""
        if self.kind is not Kind.RESIZE or len(self.data) != SIZE.size:
            return None
        columns, rows = SIZE.unpack(self.data)
        return columns, rows

    @property
    def unseen(self) -> int:
        """How many bytes were typed unseen."""
        return int(COUNT.unpack(self.data)[0]) if len(self.data) == COUNT.size else 0

    @property
    def text(self) -> str:
        """A marker's or gap's words."""
        return self.data.decode("utf-8", "backslashreplace")


class Mark(NamedTuple):
    """A command's place in a recording."""

    at_s: float
    text: str


class Opened(msgspec.Struct, frozen=True):
    """The first chunk."""

    session: str
    started: str


def frames(path: Path) -> Iterator[Frame]:
    """Every frame that is there now, in order. What a line gave without a terminal stands in its
    result file: it comes in where it was given."""
    given: list[tuple[float, int, Frame, Iterator[Frame]]] = []

    def add(source: Iterator[Frame]) -> None:
        if (first := next(source, None)) is not None:
            heapq.heappush(given, (first.at_s, first.terminal, first, source))

    for frame in _recorded(path):
        while given and given[0][0] <= frame.at_s:
            _, _, earlier, source = heapq.heappop(given)
            yield earlier
            add(source)
        yield frame
        if frame.terminal and frame.size == (0, 0):
            add(_given(path, frame))
    while given:
        _, _, frame, source = heapq.heappop(given)
        yield frame
        add(source)


def _recorded(path: Path) -> Iterator[Frame]:
    for chunk in Reader(path, past_damage=True):
        if chunk.kind not in SILENT:
            yield Frame(chunk.ms / 1000, chunk.kind, chunk.terminal, chunk.data)


def _given(path: Path, start: Frame) -> Iterator[Frame]:
    """Output and errors of the command that began without a terminal at `start`."""
    result = Folders.result_of(path, start.terminal)
    if result.exists():
        for chunk in Reader(result, past_damage=True):
            if chunk.kind in (Kind.STDOUT, Kind.STDERR):
                at = start.at_s + chunk.ms / 1000
                yield Frame(at, Kind.OUTPUT, start.terminal, chunk.data)


def opened(path: Path) -> Opened:
    """Which session, and when it began."""
    for chunk in Reader(path, past_damage=True):
        if chunk.kind is Kind.OPENED:
            try:
                return msgspec.json.decode(chunk.data, type=Opened)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                break
        break
    return Opened(path.stem, "1970-01-01T00:00:00.000Z")


class OnScreen:
    """What the person's own screen showed.

    A terminal that was left running is silent until the person is back; then comes what it wrote
    meanwhile, at most the last 64 KiB. A size of 0x0 says that there was no terminal, which would
    have put a carriage return before each line's end.
    """

    def __init__(self) -> None:
        self._away: dict[int, bytearray] = {}
        self._plain: set[int] = set()

    def feed(self, frame: Frame) -> Iterator[Frame]:
        """What the next frame showed."""
        if frame.terminal and frame.size == (0, 0):
            self._plain.add(frame.terminal)
        if frame.kind is Kind.OUTPUT and frame.terminal in self._plain:
            frame = frame._replace(data=frame.data.replace(b"\n", b"\r\n"))
        kept = self._away.get(frame.terminal)
        if frame.kind is Kind.AWAY:
            self._away.setdefault(frame.terminal, bytearray())
        elif frame.kind is Kind.BACK:
            missed = bytes(self._away.pop(frame.terminal, b""))
            if missed:
                yield frame._replace(kind=Kind.OUTPUT, data=missed)
        elif frame.kind is Kind.OUTPUT and kept is not None:
            kept += frame.data
            del kept[:-AWAY_KEPT]
        else:
            yield frame


def screen(found: Iterable[Frame]) -> Iterator[Frame]:
    """The frames that the person's own screen showed."""
    shown = OnScreen()
    for frame in found:
        yield from shown.feed(frame)


def without_pauses(found: Iterable[Frame], longest: float | None) -> Iterator[Frame]:
    """The same with no pause longer than `longest` seconds."""
    before = saved = 0.0
    for frame in found:
        pause = frame.at_s - before
        before = frame.at_s
        if longest is not None and pause > longest:
            saved += pause - longest
        yield frame._replace(at_s=frame.at_s - saved)


def marks(path: Path) -> list[Mark]:
    """The commands, to jump to."""
    return [Mark(frame.at_s, frame.text) for frame in _recorded(path) if frame.kind is Kind.MARKER]


def length(path: Path) -> float:
    """How long the recording is."""
    last = 0.0
    for chunk in Reader(path, past_damage=True):
        last = chunk.ms / 1000
    return last


def first_size(path: Path) -> tuple[int, int] | None:
    """Columns and rows that the first terminal had; None where none was opened."""
    return next((frame.size for frame in _recorded(path) if frame.size and all(frame.size)), None)


def parse_at(text: str) -> float | None:
    """Seconds of `08:22`, `1:08:22` or `08:22.5`; None when it is no time."""
    found = _AT.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    if int(seconds) > 59:
        return None
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + (float(f"0.{fraction}") if fraction else 0.0)
