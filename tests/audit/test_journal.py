"""Opening, appending, ending, and what a killed writer leaves."""

import asyncio
import stat

import pytest

from server.audit.chain import check
from server.audit.chunks import Kind
from server.audit.errors import NoSpace, RecordingBroken
from server.audit.journal import Journal
from server.audit.records import Note, SessionBegun, SessionEnded, SessionOpened
from server.store import records
from server.store.errors import JournalBroken
from server.store.sqlite import RecordRow, Store


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


async def test_an_end_goes_on_when_its_caller_is_cancelled(
    journal: Journal, opened: SessionOpened
) -> None:
    session = await journal.open_session(opened)
    session.recording.write(Kind.OUTPUT, 1, b"x")
    ending = asyncio.create_task(session.end("exit"))
    await asyncio.sleep(0)
    ending.cancel()
    await asyncio.wait([ending, session.ended])
    bodies = [record.body async for record in journal.records(session.id)]
    assert isinstance(bodies[-1], SessionEnded)


async def test_a_caller_cancelled_while_it_opens_leaves_no_half_session(
    journal: Journal, opened: SessionOpened
) -> None:
    opening = asyncio.create_task(journal.open_session(opened))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    await journal.close()
    [found] = await journal.sessions()
    assert (found.session, found.state) == ("S1", "ended")


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
