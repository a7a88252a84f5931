"""A recording's output on a real emulator: the row below it is never reached."""

import pyte
import pytest

from server.doors.played_screen import PlayedScreen

LINE = "the player's line"


class Window:
    """A terminal of 10 rows with the player's line on its last."""

    def __init__(self, recorded_rows: int | None = None) -> None:
        self.screen = pyte.Screen(40, 10)
        self._stream = pyte.ByteStream(self.screen)
        self.played = PlayedScreen(10)
        if recorded_rows is not None:
            self._stream.feed(self.played.resized(recorded_rows))
        self._stream.feed(self.played.cleared() + b"\x1b7\x1b[10;1H" + LINE.encode() + b"\x1b8")

    def play(self, data: bytes) -> None:
        self._stream.feed(self.played.passed(data))

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]


def test_lines_scroll_above_the_last_row() -> None:
    window = Window()
    window.play(b"\r\n".join(b"line %d" % n for n in range(50)))
    assert window.lines == [*(f"line {n}" for n in range(41, 50)), LINE]


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[10;1Hover",
        b"\x1b[99;3fover",
        b"\x1b[10dover",
        b"\x1b[r\x1b[99;99H\r\nover\r\nover",
        b"\x1b[1;10r\x1b[10;1Hover\r\nover",
        b"\x1b[5;99r\x1b[9;1Hover\r\nover",
        b"\x1b[!p\x1b[10;1Hover\r\nover",
        b"\x1b[99Bover\r\nover",
        b"\xc2\x9b10;1Hover",
    ],
)
def test_no_sequence_writes_over_the_last_row(data: bytes) -> None:
    for size in (1, 3, len(data)):
        window = Window()
        for at in range(0, len(data), size):
            window.play(data[at : at + size])
        assert window.lines[-1] == LINE
        assert any("over" in line for line in window.lines[:-1])


def test_a_wiped_screen_is_told_so_that_the_line_is_drawn_again() -> None:
    for data in (b"\x1b[2J", b"\x1b[J", b"\x1bc", b"\x1b[?1049h"):
        window = Window()
        window.played.wiped = False
        window.play(data)
        assert window.played.wiped


def test_a_lower_recording_scrolls_at_its_own_last_row() -> None:
    window = Window(recorded_rows=4)
    window.play(b"\x1b[24;1Ha\r\nb\r\nc\x1b[4;1Hlast")
    assert window.lines == ["", "a", "b", "last", "", "", "", "", "", LINE]


def test_what_stood_before_a_full_screen_program_stands_after_it() -> None:
    window = Window()
    window.play(b"$ vim x\r\n\x1b[?1049h\x1b[2J\x1b[5;1Htext of the file")
    assert "$ vim x" not in window.lines and "text of the file" in window.lines
    window.play(b"\x1b[?1049l$ next")
    assert window.lines[:2] == ["$ vim x", "$ next"]
    assert "text of the file" not in window.lines


def test_what_is_held_of_the_screen_begins_with_a_line() -> None:
    window = Window()
    for n in range(20_000):
        window.play(b"\x1b[31mline %d\x1b[0m\r\n" % n)
    window.play(b"\x1b[?1049hx\x1b[?1049l")
    assert window.lines[-3] == "line 19999"
