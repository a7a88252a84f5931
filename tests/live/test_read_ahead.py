"""Sequential reads are ahead of their reader, others are not, and no byte is another's."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from server.live.read_ahead import AHEAD, ReadAhead


class Holder:
    """A file of bytes that notes what it was asked for."""

    def __init__(self, data: bytes, shorter: int = 0) -> None:
        self.data, self.shorter = data, shorter
        self.asked: list[tuple[int, int]] = []

    async def fetch(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        await asyncio.sleep(0)
        return self.data[offset : offset + max(1, length - self.shorter)]


async def test_a_sequential_reader_finds_a_mebibyte_under_way() -> None:
    holder = Holder(bytes(8 << 20))
    ahead = ReadAhead(holder.fetch, 8 << 20)
    assert len(await ahead.read(0, 262_144)) == 262_144
    assert len(holder.asked) == 1 + AHEAD // 262_144
    await ahead.read(262_144, 262_144)
    await asyncio.sleep(0)  # the turn in which it asks
    assert len(holder.asked) == 2 + AHEAD // 262_144
    await ahead.rest()


async def test_a_jump_is_not_read_ahead_of() -> None:
    holder = Holder(bytes(8 << 20))
    ahead = ReadAhead(holder.fetch, 8 << 20)
    await ahead.read(5_000_000, 1000)
    assert holder.asked == [(5_000_000, 1000)]


async def test_nothing_beyond_the_size_is_asked_for() -> None:
    holder = Holder(bytes(100_000))
    ahead = ReadAhead(holder.fetch, 100_000)
    await ahead.read(0, 60_000)
    assert holder.asked == [(0, 60_000), (60_000, 60_000)]
    assert len(await ahead.read(60_000, 60_000)) == 40_000
    assert await ahead.read(100_000, 60_000) == b""
    assert len(holder.asked) == 2


async def test_what_came_whole_is_not_asked_for_and_seen_to_grow() -> None:
    holder = Holder(b"hello")
    ahead = ReadAhead(holder.fetch, 5, b"hello")
    assert await ahead.read(0, 2) == b"he"
    assert await ahead.read(2, 261_120) == b"llo"
    assert await ahead.read(5, 261_115) == b""
    assert holder.asked == []
    holder.data = b"hello, world"
    assert await ahead.read(5, 100_000) == b", world"
    assert await ahead.read(0, 100_000) == b"hello, world"


async def test_a_file_that_grew_is_seen_to_grow() -> None:
    holder = Holder(b"hello")
    ahead = ReadAhead(holder.fetch, 5)
    assert await ahead.read(0, 100_000) == b"hello"
    holder.data = b"hello, world"
    assert await ahead.read(5, 100_000) == b""
    assert await ahead.read(5, 100_000) == b", world"


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 800)), max_size=20),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
)
def test_every_read_gives_the_bytes_that_lie_there(
    reads: list[tuple[int, int]], shorter: int, known: bool, came: bool
) -> None:
    data = bytes(i * 7 % 251 for i in range(2000))

    async def read_all() -> None:
        size, whole = len(data) if known else None, data if came else None
        ahead = ReadAhead(Holder(data, shorter).fetch, size, whole)
        at = 0
        for offset, length in reads:
            for start in (offset, at):  # a jump, and then what follows the last
                got = await ahead.read(start, length)
                assert got == data[start : start + len(got)]
                at = start + len(got)
        await ahead.rest()

    asyncio.run(read_all())
