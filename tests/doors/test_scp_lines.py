"""The old scp protocol's lines: what a client sends, and what none does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.language.errors import NotUnderstood
from server.doors.scp_lines import Asked, Entry, asked, entry, entry_line, times, times_line


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("scp -f /a", Asked(True, False, False, False, ("/a",))),
        ("scp -v -r -p -d -t -- -x", Asked(False, True, True, True, ("-x",))),
        ("scp -rpf /a '/b c'", Asked(True, True, True, False, ("/a", "/b c"))),
        (r"scp -t /it\'s", Asked(False, False, False, False, ("/it's",))),
    ],
)
def test_a_clients_command_is_understood(command: str, said: Asked) -> None:
    assert asked(command) == said


@pytest.mark.parametrize(
    "command",
    ["scp", "scp a b", "scp -f", "scp -t a b", "scp -f -t a", "scp -f it's", "scp -S x -f a"],
)
def test_what_no_client_sends_is_one_sentence(command: str) -> None:
    with pytest.raises(NotUnderstood):
        asked(command)


@pytest.mark.parametrize(
    "line",
    [
        *(b"C0644 1 ..", b"C0644 1 .", b"C0644 1 a/b", b"C0644 1 ", b"C0644 1", b"C0644 -1 a"),
        *(b"C0698 1 a", b"Cx 1 a", b"C0644 1 a\0b", b"D0755 0 /", b"C0644 +1 a", b"C0644 1_0 a"),
        *(b"C0644 " + b"9" * 30 + b" a", b"C"),
    ],
)
def test_a_line_that_is_none_is_an_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        entry(line)


def test_setuid_and_its_like_are_left_out() -> None:
    assert entry(b"C4755 3 a b") == Entry(False, 0o755, 3, b"a b")


def test_times_are_access_and_modification() -> None:
    assert times(b"T7 0 5 0") == (5, 7)
    assert times(times_line(5, 7).rstrip(b"\n")) == (5, 7)
    with pytest.raises(ValueError, match=r".+"):
        times(b"T7 0 -5 0")


@given(st.binary())
def test_any_line_is_an_entry_or_an_error(line: bytes) -> None:
    try:
        found = entry(b"C" + line)
    except ValueError:
        return
    assert b"/" not in found.name
    assert found.name not in (b"", b".", b"..")
    if b"\n" not in found.name:
        assert entry(entry_line(found).rstrip(b"\n")) == found


def test_a_name_with_a_line_end_cannot_be_told() -> None:
    with pytest.raises(ValueError, match="use sftp"):
        entry_line(Entry(False, 0o644, 1, b"a\nb"))
