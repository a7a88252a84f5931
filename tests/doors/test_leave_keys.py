"""Which typed bytes are ours, on the way into a terminal and after leaving it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.doors.leave_keys import ANSWER, Answers, LeaveKeys


def test_plain_text_goes_through_and_the_key_cuts_it() -> None:
    keys = LeaveKeys()
    assert keys.split(b"ls\r") == (b"ls\r", b"", b"")
    assert keys.split(b"a\x1dpwd\r") == (b"a", b"\x1d", b"pwd\r")
    assert keys.split(b"\x1b[24~x") == (b"", b"\x1b[24~", b"x")


def test_a_key_inside_a_bracketed_paste_is_not_ours() -> None:
    keys = LeaveKeys()
    data = b"\x1b[200~one\x1dtwo\x1b[24~\x1b[201~"
    assert keys.split(data) == (data, b"", b"")
    assert keys.split(b"\x1d") == (b"", b"\x1d", b"")


@given(st.integers(1, 30))
def test_a_paste_whose_marks_come_in_pieces_is_still_one(cut: int) -> None:
    keys = LeaveKeys()
    data = b"\x1b[200~one\x1dtwo\x1b[201~after"
    for piece in (data[:cut], data[cut:]):
        assert keys.split(piece) == (piece, b"", b"")
    assert keys.split(b"\x1d")[1] == b"\x1d"


@given(st.lists(st.binary(max_size=8), max_size=20))
def test_nothing_is_held_back_or_lost(pieces: list[bytes]) -> None:
    keys = LeaveKeys()
    for piece in pieces:
        through, key, after = keys.split(piece)
        if not key:
            assert through == piece
        elif key == b"\x1d":
            assert through + key + after == piece
        else:  # F12 may have begun in the piece before
            assert piece.endswith(after)


@pytest.mark.parametrize(
    "late", [b"\x1b[12;40R", b"\x1b[?62;c", b"\x1b[<35;10;5M", b"\x1b]11;rgb:0/0/0\x07", b"\x1b[I"]
)
def test_late_answers_are_dropped_and_typed_text_is_kept(late: bytes) -> None:
    answers = Answers()
    assert answers.keep(b"pw" + late + b"d\r") == b"pwd\r"
    assert answers.keep(b"x" + late + ANSWER + b"y\x1b[1;1R") == b"xy\x1b[1;1R"
    assert answers.done


def test_an_answer_in_pieces_is_dropped_whole() -> None:
    answers = Answers()
    assert answers.keep(b"a\x1b[12") == b"a"
    assert answers.keep(b";40Rb\x1b") == b"b"
    assert answers.keep(b"[0nc") == b"c"


def test_keys_of_the_person_are_no_answers() -> None:
    answers = Answers()
    assert answers.keep(b"\x1b[A\x1b[24~\x1d") == b"\x1b[A\x1b[24~\x1d"


def test_a_lone_escape_is_typed_when_time_is_up() -> None:
    answers = Answers()
    assert answers.keep(b"\x1b") == b""
    assert answers.end() == b"\x1b"
