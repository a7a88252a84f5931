"""What the broker's own journal says of sessions, against what is there."""

import asyncio
import hashlib
import os
import re

import msgspec

from commands.language.visible import visible
from server.audit.chunks import Kind, Reader
from server.audit.decoding import decode_body
from server.audit.file_checks import Checked, Finding
from server.audit.folders import Folders
from server.audit.journal import BROKER, Journal
from server.audit.records import SessionSealed
from server.audit.sessions import begun
from server.store import records

RECORDING = re.compile(r"S\d+\.rec(\.torn)?")
"""A torn end that recovery cut off lies beside its recording and proves nothing."""
NAMED = 20


async def check_sessions(journal: Journal) -> Checked:
    """Every session that began is there, and none is that never began."""
    store = journal.store
    started = await _started(journal)
    stored = set(await records.journals(store)) - {BROKER}
    recorded = await asyncio.to_thread(_recordings, journal.folders)
    found = [_finding(session, "missing: it has no record") for session in started - stored]
    found += [_finding(session, "missing: its recording") for session in started - set(recorded)]
    used = {session for session, holds in recorded.items() if holds}
    found += await asyncio.to_thread(_strays, journal.folders)
    unknown = (stored | used) - await _started(journal)  # some began while this looked
    found += [_finding(session, "the broker has no record that it began") for session in unknown]
    seals = await records.sealed(store)
    ends = await records.ends(store, stored)
    for row in seals:
        try:
            body = decode_body("session_sealed", row.line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if not isinstance(body, SessionSealed) or body.session not in stored:
            continue
        last = ends.get(body.session)
        if last is None or last.seq < body.records:
            found.append(_finding(body.session, f"missing: records up to {body.records:,}"))
        elif hashlib.sha256(last.line).hexdigest() != body.head:
            found.append(_finding(body.session, "ends with another record than it was sealed with"))
    return Checked(found, [], [f"{len(started):,} sessions begun, all there"])


def _finding(session: str, what: str) -> Finding:
    number = int(session[1:]) if session[1:].isdecimal() else 0
    return Finding((1, number, session), session, what)


async def _started(journal: Journal) -> set[str]:
    return {begun(row).session for row in await records.begun(journal.store)}


def _strays(folders: Folders) -> list[Finding]:
    """What lies among the recordings and is named as none is: a person put it there."""
    names = sorted(os.listdir(folders.state / "recordings"))
    strays = [name for name in names if not RECORDING.fullmatch(name)]
    return [
        Finding((2, 0, name), "recordings", f"{visible(name)} is no recording; no record names it")
        for name in strays[:NAMED]
    ]


def _recordings(folders: Folders) -> dict[str, bool]:
    """The recordings there are, and whether anything was recorded in them.

    A broker that stops between a recording's first chunk and the session's record leaves an empty
    one.
    """
    empty = (Kind.OPENED, Kind.COMMIT)
    return {
        path.stem: any(chunk.kind not in empty for chunk in Reader(path))
        for path in (folders.state / "recordings").glob("*.rec")
    }
