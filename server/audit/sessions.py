"""The list of sessions: each from the broker's record that it began, none left out."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from server.audit import clock
from server.audit.chain import envelope
from server.audit.decoding import decode_body
from server.audit.folders import Folders
from server.audit.records import SessionBegun, SessionEnded
from server.audit.session import SessionJournal
from server.store import records
from server.store.records import Outline
from server.store.sqlite import RecordRow, Store

_ENDED: Final = "session_ended"


class SessionSummary(NamedTuple):
    """One row of `sessions`."""

    session: str
    device: str
    person: str
    started: str
    length_s: float
    commands: int
    state: str  # running, ended, interrupted, damaged, no recording


class Begun(NamedTuple):
    """What the broker's record says of a session's start."""

    number: int
    session: str
    device: str
    person: str
    time: str


def begun(row: RecordRow) -> Begun:
    """Read a `session_begun` row; a damaged one still gives a line in the list."""
    outer = envelope(row.line)
    try:
        body = decode_body("session_begun", row.line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        body = None
    if outer is None or not isinstance(body, SessionBegun):
        return Begun(row.seq, f"broker {row.seq}", "-", "-", "-")
    number = int(body.session[1:]) if body.session[1:].isdecimal() else row.seq
    return Begun(number, body.session, body.device, body.person, outer.time)


async def summaries(
    store: Store, folders: Folders, live: Mapping[str, SessionJournal], limit: int
) -> list[SessionSummary]:
    """The newest `limit` sessions, newest first."""
    found = []
    for row in await records.begun(store, limit):
        start = begun(row)
        outline = await records.outline(store, start.session)
        recorded = await asyncio.to_thread(folders.recording(start.session).exists)
        running = live.get(start.session)
        length = running.length_s if running else _length(outline)
        state = _state(outline, recorded, running is not None)
        found.append(
            SessionSummary(
                start.session,
                start.device,
                start.person,
                start.time,
                length,
                outline.commands,
                state,
            )
        )
    return found


def _state(outline: Outline, recorded: bool, running: bool) -> str:
    """Cheap signs only; `verify` looks at everything, and its last word is kept."""
    if not recorded:
        return "no recording"
    if outline.verdict is False or outline.records == 0 or outline.records != outline.highest:
        return "damaged"
    if running:
        return "running"
    last = envelope(outline.last)
    if last is None:
        return "damaged"
    return "ended" if last.kind == _ENDED and not outline.recovered else "interrupted"


def _length(outline: Outline) -> float:
    first, last = envelope(outline.first), envelope(outline.last)
    if first is None or last is None:
        return 0.0
    if last.kind == _ENDED and not outline.recovered:
        body = decode_body(_ENDED, outline.last)
        if isinstance(body, SessionEnded):
            return body.length_ms / 1000
    return clock.seconds_between(first.time, last.time)
