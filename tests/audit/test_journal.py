"""Opening, appending, ending, and what a killed writer leaves."""

import asyncio
import json
import random
import signal
import stat
import sys
from pathlib import Path

import pytest

from server.audit.chain import check
from server.audit.chunks import Kind, Reader
from server.audit.errors import NoSpace, RecordingBroken
from server.audit.journal import Journal
from server.audit.records import Ended, Note, Recovered, SessionBegun, SessionEnded, SessionOpened
from server.store import records
from server.store.errors import JournalBroken
from server.store.sqlite import RecordRow, Store

PROGRAM = Path(__file__).with_name("writer_program.py")


async def test_the_first_record_chains_to_the_brokers(
    journal: Journal, opened: SessionOpened
) -> None:
    session = await journal.open_session(opened)
    first = await anext(journal.records(session.id))
    begun = [record async for record in journal.records("broker")][-1]
    assert begun.body == SessionBegun(session.id, "web-02", "alice")
    assert isinstance(first.body, SessionOpened)
    assert (first.body.broker_seq, first.body.broker_hash) == (begun.seq, begun.hash)


async def test_sessions_are_numbered_on_across_brokers(store: Store, opened: SessionOpened) -> None:
    for expected in ("S1", "S2", "S3"):
        journal = await Journal.open(store, store.path.parent)
        session = await journal.open_session(opened)
        assert session.id == expected
        await session.end("exit")
        await journal.close()


async def test_the_brokers_chain_goes_on_across_brokers(store: Store) -> None:
    for number in range(3):
        journal = await Journal.open(store, store.path.parent)
        await journal.broker.append(Note(f"{number}"))
        await journal.close()
    rows = await records.page(store, "broker", 0)
    assert len(rows) == 3
    assert list(check("broker", rows)) == []


async def test_parallel_appends_stand_in_one_whole_chain(
    journal: Journal, opened: SessionOpened
) -> None:
    session = await journal.open_session(opened)
    done = await asyncio.gather(*(session.append(Note(f"{n}")) for n in range(300)))
    assert sorted(appended.seq for appended in done) == list(range(2, 302))
    assert list(check(session.id, await records.page(journal.store, session.id, 0))) == []


async def test_the_end_is_the_last_record_and_comes_once(
    journal: Journal, opened: SessionOpened
) -> None:
    session = await journal.open_session(opened)
    await asyncio.gather(session.end("exit"), session.end("again"))
    found = [record async for record in journal.records(session.id)]
    assert isinstance(found[-1].body, SessionEnded)
    assert found[-1].body.reason == "exit"
    assert session.id not in journal.live
    with pytest.raises(RecordingBroken, match="has ended"):
        await session.append(Note("late"))


async def test_files_of_a_session_are_private(journal: Journal, opened: SessionOpened) -> None:
    session = await journal.open_session(opened)
    await session.result(1).close()
    assert session.evidence.is_dir()
    for path in journal.folders.state.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_below_the_reserve_no_session_opens(store: Store, opened: SessionOpened) -> None:
    journal = await Journal.open(store, store.path.parent, reserve=1 << 60)
    with pytest.raises(NoSpace, match="MiB free and must keep"):
        await journal.open_session(opened)
    assert await journal.sessions() == []
    await journal.close()


async def test_without_a_store_no_session_opens(store: Store, opened: SessionOpened) -> None:
    journal = await Journal.open(store, store.path.parent)
    row = RecordRow("x", 1, "note", b"", b"")
    for waiting in (store.append(row), store.append(row)):
        with pytest.raises(JournalBroken):
            await waiting
    with pytest.raises(JournalBroken):
        await journal.open_session(opened)
    assert journal.live == {}
    assert list((store.path.parent / "recordings").iterdir()) == []
    await journal.close()


async def kill_a_writer(state: Path, after: int) -> tuple[str, int, int]:
    """Run the program until it acknowledged `after` records, kill it; its last words."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        str(state),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert program.stdout is not None
    lines: list[bytes] = []
    while len(lines) < after:
        line = await program.stdout.readline()
        assert line, "the program ended by itself"
        lines.append(line)
    program.send_signal(signal.SIGKILL)
    lines += (await program.stdout.read()).splitlines(keepends=True)
    await program.wait()
    told = [line.split() for line in lines if line.endswith(b"\n")]
    return (
        told[0][0].decode(),
        max(int(words[1]) for words in told),
        max(int(words[2]) for words in told),
    )


@pytest.mark.parametrize("after", [1, 200, random.Random(7).randrange(300, 900)])
async def test_kill_9_loses_no_acknowledged_record_and_no_byte(tmp_path: Path, after: int) -> None:
    state = tmp_path / "state"
    session, highest, recorded = await kill_a_writer(state, after)
    store = await Store.open(state / "fireline.db")
    journal = await Journal.open(store, state)
    [found] = await journal.recover("next")
    assert found.session == session
    assert [(c.number, c.word) for c in found.commands] == [(1, "shell")]
    assert found.commands[0].message.startswith("the broker stopped while it ran; outcome unknown")
    assert found.partials == ["mem.dmp.partial"]

    rows: list[RecordRow] = []
    while page := await records.page(store, session, rows[-1].seq if rows else 0):
        rows += page
    assert rows[-1].seq >= highest
    assert list(check(session, rows)) == []
    bodies = [record.body async for record in journal.records(session)]
    assert [type(body) for body in bodies[-3:]] == [Ended, Recovered, SessionEnded]
    ended = bodies[-3]
    assert isinstance(ended, Ended)
    assert ended.state == "interrupted" and ended.rows > 0

    reader = Reader(state / "recordings" / f"{session}.rec")
    last = list(reader)[-1]
    assert reader.tail.what == ""
    assert last.kind is Kind.RECOVERED
    assert json.loads(last.data)["offset"] >= recorded
    assert (state / "evidence" / session / "mem.dmp.partial").read_bytes() == b"half"

    assert await journal.recover("once more") == []
    [summary] = await journal.sessions()
    assert (summary.session, summary.commands, summary.state) == (session, 1, "interrupted")
    await journal.close()
    await store.close()


async def test_the_list_says_how_each_session_stands(
    journal: Journal, opened: SessionOpened
) -> None:
    ended, gone, running = [await journal.open_session(opened) for _ in range(3)]
    await ended.end("exit")
    await gone.end("exit")
    journal.folders.recording(gone.id).unlink()
    states = {found.session: found.state for found in await journal.sessions()}
    assert states == {ended.id: "ended", gone.id: "no recording", running.id: "running"}


async def test_a_session_whose_records_were_removed_is_still_listed(
    journal: Journal, opened: SessionOpened
) -> None:
    session = await journal.open_session(opened)
    await session.end("exit")
    await journal.store.write(
        lambda c: c.execute("DELETE FROM records WHERE journal = ?", (session.id,))
    )
    [found] = await journal.sessions()
    assert (found.session, found.person, found.state) == (session.id, "alice", "damaged")
