"""A command's input: taken in order, acknowledged when taken, bounded."""

import pytest

from commands.language.wire import WINDOW
from endpoint_shim.inputs import SLACK, Input, Overrun


async def test_pieces_come_in_order_to_the_end_and_count_when_taken() -> None:
    taken: list[int] = []
    given = Input(taken.append)
    given.push(b"ab")
    given.push(b"c")
    pieces = given.pieces()
    assert taken == []
    assert await anext(pieces) == b"ab"
    assert taken == [2]
    given.end()
    assert [one async for one in pieces] == [b"c"]


def test_more_than_the_window_is_an_overrun() -> None:
    given = Input(lambda _: None)
    given.push(bytes(WINDOW + SLACK))
    with pytest.raises(Overrun):
        given.push(b"x")


def test_a_full_writer_stops_the_drain_after_what_it_took() -> None:
    given = Input(lambda _: None)
    for data in (b"1", b"2", b"3"):
        given.push(data)
    written: list[bytes] = []

    def write(data: bytes) -> bool:
        written.append(data)
        return len(written) < 2

    given.drain(write)
    assert written == [b"1", b"2"]


def test_what_comes_after_the_command_ended_counts_as_taken() -> None:
    taken: list[int] = []
    given = Input(taken.append)
    given.push(b"ab")
    given.drop()
    given.push(b"cde")
    assert taken == [2, 3]
