"""The records table: pages, ends, and what a listing needs."""

from collections.abc import Iterator

from server.store import records
from server.store.sqlite import RecordRow, Store


async def fill(store: Store, journal: str, kinds: list[str]) -> None:
    for seq, kind in enumerate(kinds, 1):
        await store.append(RecordRow(journal, seq, kind, b"line %d" % seq, b"h"))


async def test_pages_go_on_after_the_last_one(store: Store) -> None:
    await fill(store, "S1", ["note"] * 7)
    await fill(store, "S2", ["note"])
    first = await records.page(store, "S1", 0, 4)
    rest = await records.page(store, "S1", first[-1].seq, 4)
    assert [row.seq for row in first + rest] == [1, 2, 3, 4, 5, 6, 7]
    assert await records.page(store, "S1", 7) == []


async def test_one_row_is_that_row_or_none(store: Store) -> None:
    await fill(store, "S1", ["note"] * 3)
    await store.write(lambda c: c.execute("DELETE FROM records WHERE seq = 2"))
    assert await records.one(store, "S1", 2) is None
    found = await records.one(store, "S1", 3)
    assert found is not None and found.line == b"line 3"


async def test_a_walk_stops_where_it_was_told(store: Store) -> None:
    await fill(store, "S1", ["note"] * 9)

    def sequence(rows: Iterator[RecordRow]) -> list[int]:
        return [row.seq for row in rows]

    assert await records.walk(store, "S1", 5, sequence) == [1, 2, 3, 4, 5]
    assert await records.walk(store, "S9", 5, sequence) == []


async def test_sessions_that_began_come_newest_first_and_ended_ones_oldest_first(
    store: Store,
) -> None:
    kinds = ["session_begun", "login", "session_begun", "session_sealed", "session_sealed"]
    await fill(store, "broker", kinds)
    assert [row.seq for row in await records.begun(store)] == [3, 1]
    assert [row.seq for row in await records.begun(store, 1)] == [3]
    assert [row.seq for row in await records.sealed(store)] == [4, 5]


async def test_an_outline_counts_and_keeps_the_ends(store: Store) -> None:
    await fill(store, "S1", ["session_opened", "command_typed", "command_typed", "recovered"])
    found = await records.outline(store, "S1")
    assert (found.records, found.highest, found.commands, found.recovered) == (4, 4, 2, True)
    assert (found.first, found.last, found.verdict) == (b"line 1", b"line 4", None)
    for ok in (True, False):
        await records.keep_verdict(store, "S1", ok)
        assert (await records.outline(store, "S1")).verdict is ok
    assert (await records.outline(store, "S9")).records == 0


async def test_journals_are_all_that_have_a_row(store: Store) -> None:
    await fill(store, "S1", ["note"])
    await fill(store, "broker", ["note"])
    assert sorted(await records.journals(store)) == ["S1", "broker"]
