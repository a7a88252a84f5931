"""Long output: whole up to 500 lines, then one stop line."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from server.doors.paging import Pager
from server.live.render import Shown


class Glass:
    def __init__(self, *keys: str) -> None:
        self.shown, self.stops = b"", 0
        self._keys = deque(keys)
        self.ahead: list[str] = []
        self.pager = Pager(
            self.show, self.redraw, self.key, lambda: 24, self.drain, self.from_now_on
        )

    def show(self, shown: Shown) -> None:
        self.shown += shown.out

    def redraw(self, line: str) -> None:
        self.stops += line.startswith("space")

    async def key(self) -> str:
        if self.ahead:
            return self.ahead.pop(0)
        return self._keys.popleft() if self._keys else ""

    @contextmanager
    def from_now_on(self) -> Iterator[None]:
        before, self.ahead = self.ahead, []
        yield
        self.ahead = before + self.ahead

    async def drain(self) -> None: ...

    @property
    def lines(self) -> int:
        return self.shown.count(b"\n")


def numbered(count: int) -> Shown:
    return Shown(out=b"".join(b"%d\n" % n for n in range(1, count + 1)))


async def test_up_to_500_lines_are_shown_whole() -> None:
    glass = Glass()
    assert await glass.pager.page(numbered(499))
    assert (glass.lines, glass.stops) == (499, 0)


async def test_space_shows_a_screen_and_q_stops_the_showing() -> None:
    glass = Glass(" ", "q")
    assert not await glass.pager.page(numbered(2000))
    assert (glass.lines, glass.stops) == (523, 2)
    assert not await glass.pager.page(numbered(10))
    assert glass.lines == 523


async def test_a_shows_all_and_return_one_line() -> None:
    glass = Glass("\r", "a")
    assert await glass.pager.page(numbered(2000))
    assert (glass.lines, glass.stops) == (2000, 2)


async def test_slash_goes_on_where_the_text_stands() -> None:
    glass = Glass("/", *"1800", "\r", "q")
    assert not await glass.pager.page(numbered(2000))
    assert b"\n1799\n" not in glass.shown and b"\n1800\n" in glass.shown


async def test_a_client_that_is_gone_stops_the_showing() -> None:
    assert not await Glass().pager.page(numbered(501))


async def test_what_was_typed_before_the_stop_line_is_no_answer_to_it() -> None:
    glass = Glass(" ", "q")
    glass.ahead = list("all")
    assert not await glass.pager.page(numbered(2000))
    assert (glass.lines, glass.stops, glass.ahead) == (523, 2, list("all"))
