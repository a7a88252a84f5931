"""Whether a session's journal is whole: records, recording, results, evidence.

Damage is named by session and sequence number; a missing thing is named as missing. Works on a
live session: what was written when it began is what is judged. A session's chain hangs in the
broker's: from the record that it began, to the one that holds its length and head.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from commands.language.visible import visible
from server.audit.broker_check import check_sessions
from server.audit.chain import Damage, check, envelope
from server.audit.decoding import decode_body
from server.audit.errors import no_such_session
from server.audit.facts import Facts
from server.audit.file_checks import (
    Checked,
    Finding,
    check_evidence,
    check_recording,
    check_results,
)
from server.audit.journal import BROKER, Journal
from server.audit.records import SessionBegun, SessionSealed
from server.audit.sessions import begun
from server.store import records
from server.store.sqlite import RecordRow, Store

NOT_SIGNED: Final = "not signed: a complete rewrite would not be seen"


class Verdict(NamedTuple):
    """The answer, ready to print."""

    ok: bool
    lines: list[str]


class Sealing(NamedTuple):
    """The broker's record of a session's end, and when it was written."""

    body: SessionSealed
    time: str


async def verify(journal: Journal, session: str) -> Verdict:
    """Check one session, or the broker's own journal (`broker`)."""
    if session == BROKER:
        return await _verify_broker(journal)
    known = {begun(row).session for row in await records.begun(journal.store)}
    if session not in known and await records.last(journal.store, session) is None:
        raise no_such_session(session)
    live = journal.live.get(session)
    written = live.recording.position if live else None
    damages, facts = await _check_records(journal.store, session)
    sealed = await _sealed(journal.store, session)
    damages += await _check_links(journal.store, sealed, session, facts, live is not None)
    checked = await asyncio.gather(
        asyncio.to_thread(check_recording, journal.folders.recording(session), facts, written),
        asyncio.to_thread(check_results, journal.folders, session, facts, live is not None),
        asyncio.to_thread(check_evidence, journal.folders, session, facts, live is not None),
    )
    at = sealed.time if sealed is not None else ""
    verdict = _told(session, facts.count, damages, list(checked), live is not None, at)
    await records.keep_verdict(journal.store, session, verdict.ok)
    return verdict


async def _check_records(store: Store, journal: str) -> tuple[list[Damage], Facts]:
    """The chain, up to the newest record there is now."""
    facts = Facts()

    def visit(rows: Iterator[RecordRow]) -> list[Damage]:
        return list(check(journal, (facts.see(row) for row in rows)))

    last = await records.last(store, journal)
    damages = await records.walk(store, journal, last.seq if last else 0, visit)
    return damages, facts


async def _check_links(
    store: Store, sealing: Sealing | None, session: str, facts: Facts, live: bool
) -> list[Damage]:
    """The two places where the session hangs in the broker's chain."""
    found = []
    if facts.count and facts.opened is None:
        found.append(Damage(1, 1, "does not say who opened the session"))
    if facts.opened is not None:
        what = await _link_broken(store, session, facts.opened.broker_seq, facts.opened.broker_hash)
        if what:
            found.append(Damage(1, 1, what))
    last = facts.last.seq if facts.last else 0
    if sealing is None:
        if facts.ended is not None and not live:
            found.append(Damage(last, last, "the broker's record of the session's end is missing"))
        elif not live:
            found.append(Damage(last + 1, last + 1, "missing, with all up to the session's end"))
    elif last < sealing.body.records:
        found.append(Damage(last + 1, sealing.body.records, "missing"))
    elif last > sealing.body.records:
        found.append(Damage(sealing.body.records + 1, last, "added after the session's end"))
    elif (
        facts.last is not None and hashlib.sha256(facts.last.line).hexdigest() != sealing.body.head
    ):
        found.append(Damage(last, last, "changed and sealed again"))
    return found


async def _link_broken(store: Store, session: str, seq: int, digest: str) -> str:
    row = await records.one(store, BROKER, seq)
    if row is None:
        return f"the broker's record {seq}, which it follows, is missing"
    if hashlib.sha256(row.line).hexdigest() != digest:
        return f"the broker's record {seq}, which it follows, is another"
    try:
        body = decode_body("session_begun", row.line)
    except msgspec.MsgspecError:
        body = None
    if not isinstance(body, SessionBegun) or body.session != session:
        return f"the broker's record {seq}, which it follows, began another session"
    return ""


async def _sealed(store: Store, session: str) -> Sealing | None:
    for row in reversed(await records.sealed(store)):
        try:
            body = decode_body("session_sealed", row.line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if isinstance(body, SessionSealed) and body.session == session:
            outer = envelope(row.line)
            return Sealing(body, outer.time if outer is not None else "")
    return None


async def _verify_broker(journal: Journal) -> Verdict:
    damages, facts = await _check_records(journal.store, BROKER)
    checked = await check_sessions(journal)
    return _told(BROKER, facts.count, damages, [checked], live=True)


def _told(
    session: str,
    count: int,
    damages: list[Damage],
    checked: list[Checked],
    live: bool,
    sealed: str = "",
) -> Verdict:
    """The verdict as console.md shows it."""
    notes = [note for part in checked for note in part.notes]
    findings = [_of_records(damage) for damage in _once(damages)]
    findings += [found for part in checked for found in part.findings]
    if not findings:
        parts = [f"records 1-{count:,} whole and in order"]
        if sealed:
            parts.append(f"sealed {visible(sealed[:19].replace('T', ' '))}Z")
        parts += [text for part in checked for text in part.counts]
        opening = f"{session} verifies" + (" so far" if live and session != BROKER else "")
        return Verdict(True, [f"{opening}: {', '.join(parts)}", *notes, NOT_SIGNED])
    whole = min([found.first for found in damages], default=count + 1) - 1
    opening = f"{session} does not verify"
    if whole:
        opening += "; record 1 does" if whole == 1 else f"; records 1-{whole:,} do"
    width = max(9, *(len(found.where) + 2 for found in findings))
    rows = [f"  {found.where:<{width}}{found.what}" for found in sorted(findings)]
    return Verdict(False, [opening, *rows, *notes])


def _of_records(damage: Damage) -> Finding:
    where = str(damage.first)
    if damage.last != damage.first:
        where += f"-{damage.last}"
    return Finding((0, damage.first, damage.what), where, damage.what)


def _once(damages: list[Damage]) -> list[Damage]:
    return list(dict.fromkeys(damages))
