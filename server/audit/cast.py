"""A recording as asciicast v2, for any player: one marker per command.

The format is text: a byte that is not UTF-8 becomes a visible `\\xff`. What was typed unseen is
dots. Escape sequences pass through `screen_filter`, the one that live screens use; without it
(`-raw`) all of them are there.
"""

import codecs
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from server.audit import clock
from server.audit.chunks import Kind
from server.audit.replay import Frame, first_size, frames, opened, screen, without_pauses

DEFAULT_SIZE: Final = (80, 24)
DOTS: Final = 64
_DECODER: Final = codecs.getincrementaldecoder("utf-8")


class ScreenFilter(Protocol):
    """Decides what of a terminal's output is shown; fed in order."""

    def passed(self, data: bytes) -> bytes: ...


class _Stream:
    """One direction of one terminal: characters may be split between chunks."""

    def __init__(self, screen_filter: ScreenFilter | None) -> None:
        self._filter = screen_filter
        self._decoder = _DECODER("backslashreplace")

    def text(self, data: bytes) -> str:
        shown = self._filter.passed(data) if self._filter is not None else data
        return self._decoder.decode(shown)

    def rest(self) -> str:
        return self._decoder.decode(b"", final=True)


def cast(
    path: Path,
    *,
    screen_filter: Callable[[], ScreenFilter] | None = None,
    longest_pause: float | None = None,
) -> Iterator[str]:
    """The lines of the file, header first. Reads as it is drawn: pull it in a thread."""
    yield _line(_header(path))
    streams: dict[tuple[Kind, int], _Stream] = {}
    at = 0.0
    for frame in without_pauses(screen(frames(path)), longest_pause):
        at = round(frame.at_s, 3)
        stream = streams.get((frame.kind, frame.terminal))
        if stream is None and frame.kind in (Kind.OUTPUT, Kind.INPUT):
            shows = screen_filter is not None and frame.kind is Kind.OUTPUT
            stream = _Stream(screen_filter() if shows and screen_filter else None)
            streams[frame.kind, frame.terminal] = stream
        event = _event(frame, stream)
        if event is not None:
            yield _line([at, *event])
    for (kind, _), stream in streams.items():
        if rest := stream.rest():
            yield _line([at, "o" if kind is Kind.OUTPUT else "i", rest])


def _event(frame: Frame, stream: _Stream | None) -> tuple[str, str] | None:
    match frame.kind:
        case Kind.OUTPUT | Kind.INPUT if stream is not None:
            text = stream.text(frame.data)
            code = "o" if frame.kind is Kind.OUTPUT else "i"
            return (code, text) if text else None
        case Kind.QUIET | Kind.MASKED_INPUT:
            return "i", "\u2022" * min(frame.unseen, DOTS)
        case Kind.RESIZE if frame.size is not None:
            columns, rows = frame.size
            return ("r", f"{columns}x{rows}") if columns and rows else None
        case Kind.MARKER:
            return "m", frame.text
        case Kind.GAP:
            return "o", f"\r\n[{frame.text}]\r\n"
        case Kind.RECOVERED:
            return "o", "\r\n[the broker stopped here]\r\n"
    return None


def _header(path: Path) -> dict[str, Any]:
    first = opened(path)
    columns, rows = first_size(path) or DEFAULT_SIZE
    return {
        "version": 2,
        "width": columns,
        "height": rows,
        "timestamp": int(clock.parse(first.started).timestamp()),
        "title": first.session,
        "env": {"TERM": "xterm-256color"},
    }


def _line(value: Any) -> str:
    return json.dumps(value, separators=(", ", ": ")) + "\n"
