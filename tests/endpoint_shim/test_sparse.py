"""Holes out of the ranges of data: in order, none lost, the short ones sent as they are."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.language.holes import LEAST
from commands.language.host.files import Extent
from endpoint_shim import sparse

K = 1024
BIG = 10 * LEAST
RANGES = st.lists(st.tuples(st.integers(0, 3 * LEAST), st.integers(1, LEAST)), max_size=20)


def ranges(steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Each so far behind the one before it, and so long."""
    found, at = [], 0
    for gap, length in steps:
        found.append((at + gap, at + gap + length))
        at += gap + length
    return found


def runs(found: list[tuple[int, int]], size: int, at: int = 0) -> list[Extent]:
    return list(sparse.runs(iter(found), at, size))


def test_data_and_holes_come_by_turns() -> None:
    assert runs([(BIG, BIG + 4 * K)], 2 * BIG) == [
        Extent(BIG, hole=True),
        Extent(4 * K),
        Extent(BIG - 4 * K, hole=True),
    ]


def test_a_short_hole_is_sent_with_the_data_around_it() -> None:
    short = LEAST - 1
    assert runs([(0, K), (K + short, BIG)], BIG) == [Extent(BIG)]
    assert runs([(short, BIG)], BIG + short) == [Extent(BIG + short)]


def test_nothing_but_hole_and_nothing_but_data_are_one_run() -> None:
    assert runs([], BIG) == [Extent(BIG, hole=True)]
    assert runs([(0, BIG)], BIG) == [Extent(BIG)]
    assert runs([], 0) == []


@given(RANGES, st.integers(0, 3 * LEAST))
def test_runs_reach_the_end_and_a_hole_has_no_data_in_it(
    steps: list[tuple[int, int]], tail: int
) -> None:
    data = ranges(steps)
    size = (data[-1][1] if data else 0) + tail
    at = 0
    for run in runs(data, size):
        assert run.size > 0
        if run.hole:
            assert run.size >= LEAST
            assert not any(start < at + run.size and stop > at for start, stop in data)
        at += run.size
    assert at == size


@given(RANGES, st.data())
def test_what_begins_at_an_offset_is_the_run_that_it_lies_in(
    steps: list[tuple[int, int]], drawn: st.DataObject
) -> None:
    """The file is asked anew at each offset, as it is by then."""
    data = ranges([*steps, (0, 1)])
    size = data[-1][1]

    def from_there(offset: int) -> Iterator[tuple[int, int]]:
        return ((max(start, offset), stop) for start, stop in data if stop > offset)

    assert sparse.holes(from_there, size) == sum(r.size for r in runs(data, size) if r.hole)
    at = drawn.draw(st.integers(0, size - 1))
    found = sparse.extent(from_there, at, size)
    assert found == next(iter(runs(list(from_there(at)), size, at)))
    assert sparse.extent(from_there, size, size) == Extent(0)


def test_a_file_of_more_pieces_than_are_counted_has_data_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sparse, "MOST", 1000)

    def endless(offset: int) -> Iterator[tuple[int, int]]:
        return ((at, at + 1) for at in range(0, size, BIG))

    size = (sparse.MOST + 100) * BIG
    assert sparse.holes(endless, size) == (BIG - 1) * sparse.MOST


def test_ranges_of_a_file_that_shrank_or_of_a_lying_disk_stay_inside() -> None:
    assert runs([(5 * BIG, 6 * BIG)], BIG) == [Extent(BIG, hole=True)]
    assert runs([(0, 6 * BIG)], BIG) == [Extent(BIG)]
    assert runs([(BIG, K), (0, K)], 2 * BIG) == [Extent(BIG, hole=True)] * 2
