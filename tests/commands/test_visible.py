"""The escaper: nothing unseen passes, what is seen passes unchanged."""

import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from commands.language.visible import is_clean, visible, visible_bytes, visible_name


def test_no_control_and_no_format_character_of_all_unicode_passes() -> None:
    hidden = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")
    unseen = "".join(c for c in map(chr, range(0x110000)) if unicodedata.category(c) in hidden)
    assert len(unseen) > 800_000
    written = visible(unseen)
    assert re.fullmatch(r"(\\x[0-9a-f]{2}|\\u\{[0-9a-f]+\})*", written)
    assert written.count("\\") == len(unseen)


def test_letters_of_all_scripts_pass() -> None:
    text = "Администраторы è é ç ñ ü 日本語 עברית العربية ไทย e\u0301"
    assert visible(text) == text and is_clean(text)


@settings(max_examples=500, deadline=None)
@given(st.text())
def test_visible_text_is_clean_and_stays_as_it_is(text: str) -> None:
    assert is_clean(visible(text)) and visible(visible(text)) == visible(text)


@settings(max_examples=500, deadline=None)
@given(st.binary())
def test_any_bytes_become_visible_text(data: bytes) -> None:
    assert is_clean(visible_bytes(data))


def test_what_is_kept_passes_unchanged() -> None:
    assert visible("a\tb\n\x1b\r", "\t\n") == "a\tb\n\\x1b\\x0d"
    assert visible("a]b-c^\\", "]^-\\") == "a]b-c^\\"


def test_blank_looking_letters_and_variation_selectors_are_written_out() -> None:
    assert visible("\u3164\ufe0f\U000e0100") == r"\u{3164}\u{fe0f}\u{e0100}"


def test_a_name_with_a_blank_at_its_end_is_quoted() -> None:
    assert visible_name("x ") == '"x "' and visible_name("x") == "x"
    assert visible_name("x\u00a0") == '"x\u00a0"'
