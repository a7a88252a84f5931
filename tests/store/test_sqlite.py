"""The store: group commit, the lock, and what a failed commit means."""

import asyncio
import os
import resource
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from server.store import records, sqlite
from server.store.errors import JournalBroken, StoreBusy, StoreUnreadable
from server.store.sqlite import RecordRow, Store


def row(seq: int) -> RecordRow:
    return RecordRow("broker", seq, "note", b"{}", b"h")


async def test_files_are_private_and_the_folder_too(store: Store) -> None:
    await store.append(row(1))
    folder = store.path.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


async def test_a_second_broker_is_refused(store: Store) -> None:
    with pytest.raises(StoreBusy, match="another broker"):
        await Store.open(store.path)


async def test_the_lock_goes_with_the_store(tmp_path: Path) -> None:
    first = await Store.open(tmp_path / "fireline.db")
    await first.append(row(1))
    await first.close()
    second = await Store.open(tmp_path / "fireline.db")
    assert await records.last(second, "broker") == row(1)
    await second.close()


async def test_writes_that_wait_share_one_commit(store: Store) -> None:
    commits: list[str] = []

    def watch(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(lambda text: commits.append(text))

    await store.write(watch)
    await asyncio.gather(*(store.append(row(seq)) for seq in range(1, 501)))
    assert [text for text in commits if text == "COMMIT"] == ["COMMIT"] * 2
    assert len(await records.page(store, "broker", 0)) == 500


async def test_many_records_take_few_steps_and_keep_their_order(store: Store) -> None:
    steps: list[str] = []

    def watch(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(steps.append)

    await store.write(watch)
    seqs = range(1, 78)
    await asyncio.gather(*(store.append(row(seq)) for seq in seqs))
    assert len([text for text in steps if text.startswith("INSERT")]) <= 8
    assert [found.seq for found in await records.page(store, "broker", 0)] == [*seqs]


async def test_one_bad_write_undoes_only_itself(store: Store) -> None:
    def bad(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO history (person, line) VALUES ('alice', 'lost')")
        connection.execute("INSERT INTO history (person, line) VALUES (NULL, 'x')")

    good = store.append(row(1))
    wrong = store.submit(bad)
    after = store.append(row(2))
    with pytest.raises(sqlite3.IntegrityError):
        await wrong
    await good
    await after
    kept = await store.read(lambda c: c.execute("SELECT count(*) FROM history").fetchone())
    assert kept == (0,)
    assert not store.failed.done()


async def test_a_cancelled_waiter_does_not_stop_the_others(store: Store) -> None:
    first = store.append(row(1))
    first.cancel()
    await store.append(row(2))
    assert [found.seq for found in await records.page(store, "broker", 0)] == [1, 2]


async def test_a_failed_commit_is_final(store: Store) -> None:
    await store.append(row(1))
    first = store.append(row(2))
    conflict = store.append(row(2))
    for waiting in (first, conflict):
        with pytest.raises(JournalBroken, match="restarted"):
            await waiting
    assert store.failed.done()
    with pytest.raises(JournalBroken):
        store.append(row(3))
    with pytest.raises(JournalBroken):
        await store.write(lambda connection: None)
    assert [found.seq for found in await records.page(store, "broker", 0)] == [1]


async def test_any_error_of_a_write_goes_to_its_caller_alone(store: Store) -> None:
    class OfACaller(Exception):
        pass

    def defective(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO history (person, line) VALUES ('alice', 'lost')")
        raise OfACaller

    with pytest.raises(OfACaller):
        await store.write(defective)
    await store.append(row(1))
    kept = await store.read(lambda c: c.execute("SELECT count(*) FROM history").fetchone())
    assert kept == (0,)
    assert not store.failed.done()


async def test_what_sqlite_says_of_the_disk_stops_the_store(store: Store) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def refused(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA cache_size = 1")  # so that it writes before the commit
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
        large(connection)

    try:
        with pytest.raises(JournalBroken, match="disk I/O error"):
            await store.write(refused)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.failed.done()


def large(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO history (person, line) VALUES ('a', hex(randomblob(99999)))")


def soon(told: asyncio.Event) -> Callable[[], None]:
    """Sets it from the thread in which the store tells."""
    loop = asyncio.get_running_loop()
    return lambda: (loop.call_soon_threadsafe(told.set), None)[1]


class Tight:
    """A write that finds no more room than there is; SQLite's own limit stands for the disk's."""

    def __init__(self) -> None:
        self.pages = 1

    def __call__(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {self.pages}")
        large(connection)


async def test_a_full_disk_is_waited_for_and_nothing_loses_its_order(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "FULL_AGAIN_S", 0.01)
    tight, told = Tight(), asyncio.Event()
    store.on_full = soon(told)
    written = [store.append(row(1)), store.submit(tight), store.append(row(2))]
    await told.wait()
    written.append(store.append(row(3)))
    assert not any(one.done() for one in written) and not store.failed.done()
    tight.pages = 1_000_000
    await asyncio.gather(*written)
    assert [found.seq for found in await records.page(store, "broker", 0)] == [1, 2, 3]
    kept = await store.read(lambda c: c.execute("SELECT count(*) FROM history").fetchone())
    assert kept == (1,), "what was rolled back is not there twice"


async def test_a_broker_that_stops_does_not_wait_for_space(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "FULL_AGAIN_S", 0.01)
    told = asyncio.Event()
    store.on_full = soon(told)
    waiting = store.submit(Tight())
    await told.wait()
    store.stop_waiting()
    with pytest.raises(JournalBroken, match="full"):
        await waiting
    assert store.failed.done()


async def test_a_writer_that_dies_leaves_nobody_waiting(store: Store) -> None:
    def dies(connection: sqlite3.Connection) -> None:
        raise GeneratorExit

    with pytest.raises(JournalBroken):
        await store.write(dies)
    assert store.failed.done()


async def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(StoreUnreadable, match="readonly"):
        await store.read(lambda c: c.execute("DELETE FROM records"))


async def test_the_queue_is_bounded_and_pushes_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.store.sqlite.WAITING_LIMIT", 4)
    waiting = [store.append(row(seq)) for seq in range(1, 5)]
    assert store.full
    fifth = asyncio.create_task(store.write(lambda connection: "fifth"))
    await asyncio.gather(*waiting)
    assert await fifth == "fifth"


async def test_what_waits_at_close_is_committed(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "fireline.db")
    waiting = store.append(row(1))
    await store.close()
    await waiting
    with pytest.raises(JournalBroken, match="closed"):
        store.append(row(2))


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fireline.db"
    path.write_bytes(os.urandom(8192))
    with pytest.raises(StoreUnreadable, match=r"fireline\.db cannot be opened"):
        await Store.open(path)
