"""The list of sessions: each from the broker's record that it began, none left out."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from server.audit import clock
from server.audit.chain import envelope
from server.audit.decoding import decode_body
from server.audit.folders import Folders
from server.audit.records import SessionBegun, SessionEnded, SessionOpened
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
    """Lines that were typed, and files that SFTP and scp read or changed."""
    state: str  # running, ended, interrupted, damaged, no recording
    door: str
    comment: str


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
        opened, ended = _ends(outline)
        if running is not None:
            length, files = running.length_s, running.recording.files
        else:
            length, files = _length(outline, ended), ended.files_read if ended else 0
        state = _state(outline, recorded, running is not None)
        found.append(
            SessionSummary(
                start.session,
                start.device,
                start.person,
                start.time,
                length,
                outline.commands + files,
                state,
                opened.door if opened else "",
                opened.comment if opened else "",
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


def _ends(outline: Outline) -> tuple[SessionOpened | None, SessionEnded | None]:
    """Its first and its last record, where they are those of a session."""
    found = []
    for line in (outline.first, outline.last):
        outer = envelope(line)
        try:
            found.append(decode_body(outer.kind, line) if outer is not None else None)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            found.append(None)
    opened, ended = found
    return (
        opened if isinstance(opened, SessionOpened) else None,
        ended if isinstance(ended, SessionEnded) else None,
    )


def _length(outline: Outline, ended: SessionEnded | None) -> float:
    if ended is not None and not outline.recovered:
        return ended.length_ms / 1000
    first, last = envelope(outline.first), envelope(outline.last)
    if first is None or last is None:
        return 0.0
    return clock.seconds_between(first.time, last.time)
