"""Names that are no clean text, over all bytes and all UTF-16 units; field kind k10."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.language import names
from commands.language.completion import name_value
from commands.language.errors import NotUnderstood
from commands.language.line import split
from commands.language.names import Name
from commands.language.visible import is_clean

MANY = settings(max_examples=2_000, deadline=None)
FEW = settings(max_examples=500, deadline=None)
SOAK = settings(max_examples=100_000, deadline=None)
NASTY = st.one_of(
    st.binary(max_size=40),
    st.lists(
        st.sampled_from(
            [b"raw:", b"%", b"%u", b"%uD800", b"\xff", b"\x00", b"\x1b[2J", b"'", b'"', b" ", b"-"]
        )
    ).map(b"".join),
    st.text(max_size=20).map(lambda t: t.encode("utf-8", "surrogatepass")),
)
UNITS = st.one_of(
    st.binary(max_size=40).map(lambda data: data[: len(data) // 2 * 2]),
    st.builds(
        lambda front, text: f"{front}{text}".encode("utf-16-le", "surrogatepass"),
        st.sampled_from(["", "raw:", "%u"]),
        st.text("raw:%uD8'\" \\\ud7ff\ud800\udbff\udc00\udfff\ue000", max_size=20),
    ),
)


def from_units(units: bytes) -> Name:
    return names.from_text(units.decode("utf-16-le", "surrogatepass"))


@pytest.mark.slow
@MANY
@given(NASTY)
def test_every_byte_string_is_a_name_and_comes_back(data: bytes) -> None:
    bytes_come_back(data)


@pytest.mark.slow
@MANY
@given(UNITS)
def test_every_utf_16_string_is_a_name_and_comes_back(units: bytes) -> None:
    units_come_back(units)


@pytest.mark.soak
@SOAK
@given(
    st.one_of(
        NASTY.map(lambda data: (bytes_come_back, data)),
        UNITS.map(lambda units: (units_come_back, units)),
    )
)
def test_100_000_names_come_back(one: tuple[Callable[[bytes], None], bytes]) -> None:
    one[0](one[1])


def bytes_come_back(data: bytes) -> None:
    name = names.from_bytes(data)
    assert names.to_bytes(name) == data
    is_typed_back_and_shown_harmless(name)


def units_come_back(units: bytes) -> None:
    name = from_units(units)
    assert names.to_units(name).encode("utf-16-le", "surrogatepass") == units
    is_typed_back_and_shown_harmless(name)


def is_typed_back_and_shown_harmless(name: Name) -> None:
    name.encode("utf-8")
    assert names.typed(names.raw_form(name) or name) == name
    words = split(f"dir {name_value(name)}")
    assert len(words) == 2 and names.typed(words[1].text) == name
    assert not (words[1].bare and words[1].text.startswith("-"))
    is_shown_harmless(name)


def is_shown_harmless(name: Name) -> None:
    shown = names.shown(name)
    assert is_clean(shown) and shown == shown.strip()


@FEW
@given(st.sampled_from(["", "raw:"]), st.text())
def test_what_a_device_calls_a_name_is_shown_harmless_too(front: str, text: str) -> None:
    is_shown_harmless(Name(front + text))


@FEW
@given(st.text(alphabet="raw:%uD80fFé \ud800", max_size=14))
def test_a_typed_name_is_canonical_or_refused(text: str) -> None:
    try:
        name = names.typed("raw:" + text)
    except NotUnderstood:
        return
    assert names.typed(names.raw_form(name) or name) == name


def test_clean_text_is_itself() -> None:
    for text in ("a#!001", "setup[1].exe", "it's $HOME", "日本", "C:\\x\\y.txt", "-rf", "*.log"):
        assert names.from_text(text) == text and names.raw_form(Name(text)) is None


def test_stray_bytes_are_shown_and_typed_in_percent_form() -> None:
    name = names.from_bytes(b"i\xff\xfej")
    assert name == "raw:i%FF%FEj" and names.shown(name) == r"i\xff\xfej"
    assert names.text(name) is None and names.raw_form(name) == name


def test_a_bidirectional_override_is_seen_and_the_text_is_kept() -> None:
    name = names.from_bytes("invoice\u202efdp.exe".encode())
    assert names.shown(name) == r"invoice\u{202e}fdp.exe" and names.text(name) == name
    assert names.raw_form(name) == "raw:invoice%E2%80%AEfdp.exe"


def test_escape_sequences_and_line_ends_are_seen() -> None:
    assert names.shown(Name("x\x1b]0;owned\x07.txt")) == r"x\x1b]0;owned\x07.txt"
    assert names.shown(Name("a\nb")) == r"a\x0ab"


def test_a_blank_at_an_end_is_quoted() -> None:
    assert names.shown(Name("end ")) == '"end "'
    assert names.shown(Name(" x")) == '" x"'


def test_text_that_begins_with_raw_is_written_raw_and_is_the_same_text() -> None:
    name = names.from_text("raw:x")
    assert name == "raw:raw:x" and names.text(name) == "raw:x" and names.shown(name) == "raw:x"
    assert names.typed(name) == name


def test_a_lone_surrogate_is_one_unit() -> None:
    name = names.from_text("a\ud800")
    assert name == "raw:a%uD800" and names.text(name) is None
    with pytest.raises(NotUnderstood, match="UTF-16 units, which no Linux name has"):
        names.to_bytes(name)


def test_surrogates_side_by_side_are_one_character() -> None:
    assert names.typed("raw:%uD83D%uDE00") == "\U0001f600"


def test_bytes_and_units_do_not_mix() -> None:
    with pytest.raises(NotUnderstood, match="not both"):
        names.typed("raw:%FF%uD800")


def test_the_last_part_of_a_linux_name_may_hold_anything_but_a_slash() -> None:
    for last in (b"\\", b"a\\b", b"a\x1b[31mred", b"i\xff\xfej", b"trail ", b"raw:x", b'"'):
        path = names.from_bytes(b"/tmp/x\xfe/" + last)
        assert names.last_part(path) == names.from_bytes(last)
    assert names.last_part(Name(r"C:\Users\O'Brien\x")) == "x"


def test_the_last_part_of_a_path_is_a_name_that_can_be_typed_in_its_folder() -> None:
    for top in (b"/", b"/tmp/50%", b"/tmp/i\xff"):
        for last in (b"raw:i%FFj", b"i\xff", b"a\\b", b"plain"):
            path = names.from_bytes(top.rstrip(b"/") + b"/" + last)
            assert names.last_part(path) == names.from_bytes(last)


@pytest.mark.parametrize(
    ("name", "windows", "whole"),
    [
        ("/root", False, True), ("root", False, False), ("raw:/r%FF", False, True),
        ("raw:/r%uD800", False, False), ("C:\\x", True, True), ("C:x", True, False),
        ("/x", True, False), ("\\\\host\\share", True, False),
    ],
)  # fmt: skip
def test_a_whole_path_begins_at_the_root_or_at_a_drives(
    name: str, windows: bool, whole: bool
) -> None:
    assert names.is_whole(Name(name), windows=windows) == whole
