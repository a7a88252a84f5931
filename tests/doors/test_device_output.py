"""What a device's terminal may make the responder's terminal do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.doors.device_output import DeviceOutput

DROPPED = [
    b"\x1b]52;c;QUJD\x07",
    b"\x1b]8;;http://x\x1b\\",
    b"\x1b]1337;File=a\x07",
    b"\x1b]9;hello\x07",
    b"\x1b]777;notify;a;b\x07",
    b"\x1b]50;font\x07",
    b"\x1b]7;file:///\x07",
    b"\x1bPtmux;\x1b\x1b]52;c;QUJD\x07\x1b\\",
    b"\x1b_Gapc\x1b\\",
    b"\x1b^pm\x1b\\",
    b"\x1bXsos\x1b\\",
    b"\xc2\x9d52;c;QUJD\x07",
]
PASSED = [
    b"\x1b]0;title\x07",
    b"\x1b]2;title\x07",
    b"\x1b]4;1;rgb:ff/00/00\x07",
    b"\x1b]11;?\x07",
    b"\x1b]104\x07",
    b"\x1b]133;A\x07",
]


@pytest.mark.parametrize("string", DROPPED)
def test_strings_that_reach_beyond_the_screen_are_dropped(string: bytes) -> None:
    shown = DeviceOutput().passed(b"before" + string + b"after")
    assert b"52" not in shown and b"http" not in shown and b"File" not in shown
    assert shown.startswith(b"before") and shown.endswith(b"after")


@pytest.mark.parametrize("string", PASSED)
def test_titles_colours_and_marks_pass(string: bytes) -> None:
    assert DeviceOutput().passed(b"a" + string + b"b") == b"a" + string + b"b"


@pytest.mark.parametrize("string", [*DROPPED, *PASSED])
@given(st.integers(1, 20))
def test_pieces_are_judged_like_the_whole(string: bytes, cut: int) -> None:
    whole = DeviceOutput().passed(b"a" + string + b"b")
    output, data = DeviceOutput(), b"a" + string + b"b"
    assert output.passed(data[:cut]) + output.passed(data[cut:]) == whole


def test_a_string_without_an_end_is_kept_in_bounded_memory_and_ended_by_an_escape() -> None:
    output = DeviceOutput()
    for _ in range(1000):
        assert output.passed(b"\x1b]2;" + b"x" * 10_000) == b""
    assert len(output._string or b"") < 5000
    assert output.passed(b"\x1b[mtext") == b"\x1b[mtext"


@given(st.text())
def test_text_of_any_script_passes_whole(text: str) -> None:
    data = "".join(c for c in text if c not in "\x90\x98\x9d\x9e\x9f\x1b").encode()
    output = DeviceOutput()
    assert output.passed(data) + output.passed(b".") == data + b"."


def test_what_was_touched_is_taken_back() -> None:
    output = DeviceOutput()
    assert output.undo() == b""
    output.passed(b"\x1b[5 q\x1b]11;red\x07")
    assert b"\x1b[0 q" in output.undo() and b"\x1b]111\x07" in output.undo()
