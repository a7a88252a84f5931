"""Everything that can be done to a journal behind the broker's back is found and named."""

import hashlib
import random
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from commands.language.errors import Failed
from commands.language.visible import visible
from server.audit.chain import envelope, seal
from server.audit.chunks import Kind
from server.audit.journal import Journal
from server.audit.records import (
    CommandTyped,
    Ended,
    EvidenceTaken,
    Note,
    SessionEnded,
    SessionOpened,
    Started,
)
from server.audit.session import SessionJournal
from server.audit.verify import verify
from server.store.sqlite import Store

SHA = hashlib.sha256(b"evidence").hexdigest()


async def filled(journal: Journal, opened: SessionOpened) -> SessionJournal:
    """A session with a bit of everything, still open."""
    session = await journal.open_session(opened)
    await session.append(CommandTyped(1, "processes", {}, "processes", "console"))
    await session.append(Started(1, "t1", False))
    session.recording.marker(0, "#1 processes")
    session.recording.write(Kind.OUTPUT, 1, b"some output\r\n" * 40)
    session.recording.resize(1, 120, 40)
    result = session.result(1)
    result.write(Kind.ROW, b'{"pid":1,"name":"init"}')
    digest = await result.close()
    await session.append(Ended(1, "completed", 0, "", 1, digest.sha256, digest.bytes, None, 12))
    (session.evidence / "mem.dmp").write_bytes(b"evidence")
    await session.append(EvidenceTaken(2, "mem.dmp", r"C:\Temp\mem.dmp", 8, SHA))
    for number in range(6):
        await session.append(Note(f"note {number}"))
    return session


@pytest.fixture
async def whole(journal: Journal, opened: SessionOpened) -> AsyncIterator[Journal]:
    """S1 has ended, and so have a session before and after it in the broker's chain."""
    for _ in range(2):
        await (await filled(journal, opened)).end("exit")
    assert (await verify(journal, "S1")).ok
    assert (await verify(journal, "broker")).ok
    yield journal


async def sql(journal: Journal, text: str, *values: object) -> None:
    def run(connection: sqlite3.Connection) -> None:
        assert connection.execute(text, values).rowcount > 0

    await journal.store.write(run)


async def failed(journal: Journal, session: str = "S1") -> list[str]:
    verdict = await verify(journal, session)
    assert not verdict.ok, verdict.lines
    assert verdict.lines[0].startswith(f"{session} does not verify")
    return verdict.lines


def flip(path: Path, at: int, bit: int = 0) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1 << bit
    path.write_bytes(raw)


async def test_a_whole_session_verifies_and_says_that_it_is_not_signed(whole: Journal) -> None:
    verdict = await verify(whole, "S1")
    first, last = verdict.lines
    assert re.match(
        r"S1 verifies: records 1-12 whole and in order, "
        r"sealed \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ, recording whole, ",
        first,
    )
    assert first.endswith(" commits, 1 result same, 1 file same")
    assert last == "not signed: a complete rewrite would not be seen"


async def test_a_live_session_verifies_while_it_is_written(
    journal: Journal, opened: SessionOpened
) -> None:
    session = await filled(journal, opened)
    verdict = await verify(journal, session.id)
    assert verdict.ok, verdict.lines
    assert verdict.lines[0].startswith("S1 verifies so far: records 1-11")
    assert (await verify(journal, "broker")).ok


async def test_an_unknown_session_is_answered_as_one_that_is_not_there(journal: Journal) -> None:
    with pytest.raises(Failed, match=r"no session S9\\x1b; sessions lists them"):
        await verify(journal, "S9\x1b")


COLUMNS = {
    "line": "UPDATE records SET line = ? WHERE journal = 'S1' AND seq = ?",
    "hash": "UPDATE records SET hash = ? WHERE journal = 'S1' AND seq = ?",
}
QUICK = pytest.param(20, id="quick")
MANY = pytest.param(500, id="many", marks=pytest.mark.slow)


@pytest.mark.parametrize("rounds", [QUICK, MANY])
async def test_a_flipped_bit_in_the_store_is_located(whole: Journal, rounds: int) -> None:
    chance = random.Random(rounds)
    rows = [record async for record in whole.records("S1")]
    for _ in range(rounds):
        row = chance.choice(rows)
        column = chance.choice(list(COLUMNS))
        right = row.line if column == "line" else bytes.fromhex(row.hash)
        wrong = bytearray(right)
        wrong[chance.randrange(len(wrong))] ^= 1 << chance.randrange(8)
        await sql(whole, COLUMNS[column], bytes(wrong), row.seq)
        lines = await failed(whole)
        assert lines[1].split()[0] == str(row.seq), lines
        expected = {1: "verify", 2: "record 1 does"}.get(row.seq, f"records 1-{row.seq - 1} do")
        assert lines[0].endswith(expected), lines
        await sql(whole, COLUMNS[column], right, row.seq)
    assert (await verify(whole, "S1")).ok


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ("DELETE FROM records WHERE journal = 'S1' AND seq BETWEEN 4 AND 6", "4-6 missing"),
        ("DELETE FROM records WHERE journal = 'S1' AND seq = 1", "1 missing"),
        ("DELETE FROM records WHERE journal = 'S1' AND seq = 12", "12 missing"),
        ("DELETE FROM records WHERE journal = 'S1' AND seq > 8", "9-12 missing"),
        ("DELETE FROM records WHERE journal = 'S1'", "1-12 missing"),
        ("UPDATE records SET seq = 99 WHERE journal = 'S1' AND seq = 5", "5 missing"),
        (
            "UPDATE records SET kind = 'login' WHERE journal = 'S1' AND seq = 5",
            "5 its kind was changed in the store",
        ),
    ],
)
async def test_removed_and_moved_records_are_named(whole: Journal, edit: str, named: str) -> None:
    await sql(whole, edit)
    lines = await failed(whole)
    assert any(" ".join(line.split()).startswith(named) for line in lines), lines


async def test_two_records_that_changed_places_are_named(whole: Journal) -> None:
    for old, new in ((5, 99), (6, 5), (99, 6)):
        await sql(whole, "UPDATE records SET seq = ? WHERE journal = 'S1' AND seq = ?", new, old)
    lines = await failed(whole)
    assert [line.split()[0] for line in lines[1:]] == ["5", "6"]


async def rewrite(journal: Journal, session: str, seq: int, text: str) -> None:
    """Change one record and seal everything after it anew, as one with the database could."""
    rows = [record async for record in journal.records(session)]
    prev = rows[seq - 2].hash
    for row in rows[seq - 1 :]:
        body = Note(text) if row.seq == seq else row.body
        line, digest = seal(session, row.seq, row.time, body, prev)  # type: ignore[arg-type]
        await sql(
            journal,
            "UPDATE records SET line = ?, hash = ?, kind = ? WHERE journal = ? AND seq = ?",
            line,
            digest,
            envelope(line).kind,  # type: ignore[union-attr]
            session,
            row.seq,
        )
        prev = digest.hex()


async def test_a_rewritten_session_does_not_fit_the_brokers_chain(whole: Journal) -> None:
    await rewrite(whole, "S1", 8, "nothing happened")
    lines = await failed(whole)
    assert lines[1] == "  12       changed and sealed again"
    assert any(line.startswith("  S1") for line in await failed(whole, "broker"))


async def test_records_added_after_the_end_are_named(whole: Journal) -> None:
    rows = [record async for record in whole.records("S1")]
    line, digest = seal("S1", 13, rows[-1].time, Note("more"), rows[-1].hash)
    await sql(whole, "INSERT INTO records VALUES ('S1', 13, 'note', ?, ?)", line, digest)
    assert "  13       added after the session's end" in await failed(whole)


async def test_a_session_missing_from_the_broker_is_named_there(whole: Journal) -> None:
    await sql(whole, "DELETE FROM records WHERE journal = 'broker' AND seq IN (1, 2)")
    lines = await failed(whole, "broker")
    assert lines[1].startswith("  1-2      missing")
    assert "  S1       the broker has no record that it began" in lines
    assert any("which it follows, is missing" in line for line in await failed(whole))


async def test_a_session_without_records_is_named_by_the_broker(whole: Journal) -> None:
    await sql(whole, "DELETE FROM records WHERE journal = 'S1'")
    assert "  S1       missing: it has no record" in await failed(whole, "broker")


@pytest.mark.parametrize("rounds", [QUICK, MANY])
async def test_a_flipped_bit_in_a_file_is_located(whole: Journal, rounds: int) -> None:
    chance = random.Random(rounds)
    paths = {
        "recording": whole.folders.recording("S1"),
        "result #1": whole.folders.result("S1", 1),
        "evidence mem.dmp": whole.folders.evidence("S1") / "mem.dmp",
    }
    for _ in range(rounds):
        where = chance.choice(list(paths))
        right = paths[where].read_bytes()
        flip(paths[where], chance.randrange(len(right)), chance.randrange(8))
        lines = await failed(whole)
        assert lines[0].endswith("; records 1-12 do")
        assert all(line.startswith(f"  {where}  ") for line in lines[1:]), lines
        paths[where].write_bytes(right)
    assert (await verify(whole, "S1")).ok


@pytest.mark.parametrize(
    ("where", "find"),
    [
        ("recording", lambda journal: journal.folders.recording("S1")),
        ("result #1", lambda journal: journal.folders.result("S1", 1)),
        ("evidence mem.dmp", lambda journal: journal.folders.evidence("S1") / "mem.dmp"),
    ],
)
async def test_a_missing_file_is_named_as_missing(
    whole: Journal, where: str, find: Callable[[Journal], Path]
) -> None:
    find(whole).unlink()
    assert [line.split("  ")[1:] for line in (await failed(whole))[1:]] == [[where, "missing"]]


async def test_a_missing_recording_is_listed_as_missing_by_the_broker_too(whole: Journal) -> None:
    whole.folders.recording("S1").unlink()
    assert "  S1       missing: its recording" in await failed(whole, "broker")


@pytest.mark.parametrize("name", ["extra.bin", "S9.rec.bak", "\x1b[2J", "S1.REC"])
async def test_a_file_that_is_no_recording_is_named_by_the_broker(
    whole: Journal, name: str
) -> None:
    (whole.folders.state / "recordings" / name).write_bytes(b"x")
    (found,) = (await failed(whole, "broker"))[1:]
    assert found == f"  recordings  {visible(name)} is no recording; no record names it"


async def test_a_torn_end_that_recovery_kept_is_nothing_to_the_broker(whole: Journal) -> None:
    (whole.folders.state / "recordings" / "S1.rec.torn").write_bytes(b"x")
    assert (await verify(whole, "broker")).ok


@pytest.mark.parametrize("cut", [1, 40, 200])
async def test_a_cut_recording_is_named(whole: Journal, cut: int) -> None:
    path = whole.folders.recording("S1")
    path.write_bytes(path.read_bytes()[:-cut])
    lines = await failed(whole)
    assert any("bytes are missing" in line for line in lines), lines


async def test_another_sessions_recording_is_named(whole: Journal) -> None:
    path = whole.folders.recording("S1")
    path.write_bytes(whole.folders.recording("S2").read_bytes())
    assert any(line.startswith("  recording  changed") for line in await failed(whole))


async def test_an_evidence_file_that_no_record_names_is_named(whole: Journal) -> None:
    (whole.folders.evidence("S1") / "planted\x1b").write_bytes(b"x")
    assert r"  evidence planted\x1b  no record names it" in await failed(whole)


async def test_damage_stays_in_the_list_of_sessions(whole: Journal) -> None:
    flip(whole.folders.evidence("S1") / "mem.dmp", 0)
    await failed(whole)
    states = {found.session: found.state for found in await whole.sessions()}
    assert states == {"S1": "damaged", "S2": "ended"}


async def test_a_recovered_session_verifies_and_names_the_gap(
    store: Store, opened: SessionOpened
) -> None:
    journal = await Journal.open(store, store.path.parent)
    session = await filled(journal, opened)
    session.recording.write(Kind.OUTPUT, 1, b"the last words")
    await session.recording.close()
    with session.recording.path.open("ab") as file:
        file.write(b"\x01\x00")
    await journal.close()

    after = await Journal.open(store, store.path.parent)
    [found] = await after.recover("next")
    assert "a torn end of 2 bytes was cut" in found.recording
    torn = session.recording.path.with_name("S1.rec.torn")
    assert torn.read_bytes() == b"\x01\x00"
    verdict = await verify(after, session.id)
    assert verdict.ok, verdict.lines
    assert verdict.lines[1].startswith("gap in the recording at byte ")
    ended = [record.body async for record in after.records(session.id)][-1]
    assert isinstance(ended, SessionEnded)
    assert ended.recording_bytes == session.recording.path.stat().st_size
    await after.close()


async def test_a_recording_damaged_before_its_last_commit_is_left_for_verify(
    store: Store, opened: SessionOpened
) -> None:
    journal = await Journal.open(store, store.path.parent)
    session = await filled(journal, opened)
    await session.recording.close()
    flip(session.recording.path, session.recording.path.read_bytes().index(b"output"))
    await journal.close()

    after = await Journal.open(store, store.path.parent)
    [found] = await after.recover("next")
    assert "left as it is" in found.recording
    assert any("recording  changed before byte" in line for line in await failed(after))
    await after.close()
