"""Appending to a journal where the disk is full: who stands at a door does not wait for it."""

import asyncio
import sqlite3

import pytest

from server.audit import writer
from server.audit.errors import NoSpace
from server.audit.journal import Journal
from server.audit.records import LoggedOut
from server.store import records
from server.store.sqlite import Store


class Tight:
    """A write that the database has no page for until `pages` is raised."""

    def __init__(self) -> None:
        self.pages = 1

    def __call__(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {self.pages}")
        connection.execute("INSERT INTO history (person, line) VALUES (?, ?)", ("a", "x" * 99_999))


async def test_who_stands_at_a_door_is_refused_and_told_of_when_there_is_space(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE_S", 0.05)
    await journal.broker.append_for_a_door(LoggedOut("first"))
    tight = Tight()
    waits = store.submit(tight)
    with pytest.raises(NoSpace, match="disk is full"):
        await journal.broker.append_for_a_door(LoggedOut("second"))
    assert store.out_of_space and not waits.done()
    tight.pages = 1_000_000
    await waits
    await journal.broker.append_for_a_door(LoggedOut("third"))
    assert not store.out_of_space
    kept = [row.line for row in await records.page(store, "broker", 0)]
    assert [b"first" in kept[0], b"second" in kept[1], b"third" in kept[2]] == [True] * 3


async def test_a_full_queue_takes_nobody_more(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE_S", 0.05)
    monkeypatch.setattr("server.store.sqlite.WAITING_LIMIT", 1)
    tight = Tight()
    waits = store.submit(tight)
    with pytest.raises(NoSpace):
        await journal.broker.append_for_a_door(LoggedOut("queued"))
    seq = journal.broker.seq
    with pytest.raises(NoSpace):
        await journal.broker.append_for_a_door(LoggedOut("not queued"))
    assert journal.broker.seq == seq
    tight.pages = 1_000_000
    await asyncio.wait_for(waits, 10)
