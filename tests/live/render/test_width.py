"""Display width: wide characters count twice, combining ones not at all."""

from hypothesis import given, settings
from hypothesis import strategies as st

from commands.language.visible import visible
from server.live.render.width import cut, head, padded, width, wrapped


def test_width_is_that_of_the_screen() -> None:
    assert (width("abc"), width("日本"), width("e\u0301"), width("")) == (3, 4, 1, 0)
    assert padded("日本", 6) == "日本  " and padded("7", 3, right=True) == "  7"


def test_cutting_prefers_a_near_break() -> None:
    assert cut(r"rundll32.exe C:\Temp\1.dat,Start", 23) == r"rundll32.exe C:\Temp…"
    assert cut("abcdefghij", 6) == "abcde…" and cut("abc", 3) == "abc"
    assert cut("日本日本", 4) == "日…"


def test_wrapping_breaks_at_blanks_and_long_words_anywhere() -> None:
    assert wrapped("aa bb cc", 5) == ["aa bb", "cc"]
    assert wrapped("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrapped("日本日本", 4) == ["日本", "日本"]
    assert wrapped("", 5) == [""]


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60), st.integers(2, 30))
def test_no_piece_is_wider_than_asked_and_nothing_but_blanks_is_lost(
    text: str, columns: int
) -> None:
    text = visible(text)
    assert width(cut(text, columns)) <= columns
    assert width(head(text, columns)) <= columns
    lines = wrapped(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
