"""Bytes of devices as text; field kind k01 and anything that can arrive."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.language.visible import is_clean
from server.live.render.pages import Pages


def decoded(data: bytes, page: str = "utf-8", size: int = 3) -> str:
    pages = Pages(page)
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return "".join([*map(pages.visible, pieces), pages.visible(b"", final=True)])


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("è é ç ñ ü", "cp850"),
        ("Администраторы", "cp866"),
        ("日本語", "shift_jis"),
        ("日本語 è", "utf-8"),
    ],
)
def test_letters_of_a_code_page_are_right_in_pieces_of_any_size(text: str, page: str) -> None:
    for size in (1, 2, 3, 64):
        assert decoded(text.encode(page), page, size) == text


def test_a_byte_ff_is_shown_and_loses_nothing() -> None:
    assert decoded(b"Interface\xff: 10\n") == "Interface\\xff: 10\n"
    assert decoded(b"Interface\xff: 10\n", "cp850") == "Interface\u00a0: 10\n"


@pytest.mark.parametrize("page", ["utf-16", "utf-16-le", "utf-8-sig", "utf-32"])
def test_a_byte_order_mark_decides_and_is_not_shown(page: str) -> None:
    data = ("\ufeff" * (page == "utf-16-le") + "Größe\r\n").encode(page)
    for size in (1, 2, 5):
        assert decoded(data, "cp850", size) == "Größe\r\n"


def test_line_ends_and_tabs_pass_and_a_lone_return_does_not() -> None:
    for size in (1, 2, 3):
        assert decoded(b"a\tb\r\nc\nd\re\r", size=size) == "a\tb\r\nc\nd\\x0de\\x0d"


def test_escape_sequences_never_pass() -> None:
    assert decoded(b"\x1b]0;owned\x07\x1b[2J\x9b1m") == r"\x1b]0;owned\x07\x1b[2J\x9b1m"
    assert decoded("\u202e\u200b".encode()) == r"\u{202e}\u{200b}"


@pytest.mark.parametrize("page", ["hex", "zlib", "punycode", "idna", "no such", "", "rot13", "cp0"])
def test_a_page_that_is_no_page_is_read_as_utf_8(page: str) -> None:
    assert decoded("é\n".encode(), page) == "é\n"


PAGES = [
    *("utf-8", "utf-16", "utf-16-be", "utf-32", "cp850", "cp932", "gb18030", "big5"),
    *("euc-jp", "iso-8859-7", "ascii", "cp65001", "koi8-r", "shift_jis"),
]


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=64),
    st.sampled_from(PAGES),
    st.integers(1, 9),
)
def test_no_bytes_in_no_page_raise_or_reach_the_screen(data: bytes, page: str, size: int) -> None:
    text = decoded(data, page, size)
    assert is_clean(text.replace("\r\n", "").replace("\n", "").replace("\t", ""))
