"""One command's items from several devices as one result, pure."""

import json

import pytest

from commands.language.command import discover
from commands.language.errors import Failed, FirelineError, Refused, Unreachable
from commands.language.items import Into, Note
from commands.language.line import Output, parse
from server.live.render.several import LONGEST_LINE, MOST_NOTES, SeveralRenderer, told
from server.live.render.style import Style

discover()

TERMINAL, PIPE = Style(True, 80, 24), Style(False)


def renderer(line: str, style: Style = PIPE, devices: int = 3) -> SeveralRenderer:
    typed = parse(line)
    names = [f"web-{number:02}" for number in range(devices)]
    return SeveralRenderer(typed.command, typed.options, style, 7, names)


def test_text_of_two_devices_is_never_mixed_within_a_line() -> None:
    held = renderer("cat /x")
    one, two = held.part("web-01", "S1"), held.part("web-02", "S2")
    shown = [
        one.item(Into("text")), two.item(Into("text")),
        one.item(b"half"), two.item(b"two\nagain"), one.item(b" and half\n"),
        two.end(well=True, evidence=(), exit_code=None, target="S2"),
        one.end(well=True, evidence=(), exit_code=None, target="S1"),
    ]  # fmt: skip
    assert b"".join(s.out for s in shown) == (
        b"web-02: two\nweb-01: half and half\nweb-02: again\n"
    )


def test_a_line_that_does_not_end_is_given_up_in_pieces() -> None:
    part = renderer("cat /x").part("web-01", "S1")
    part.item(Into("text"))
    out = b"".join(part.item(b"x" * 1000).out for _ in range(100))
    assert len(out) > 100_000 - 2 * LONGEST_LINE
    assert max(map(len, out.split(b"\n"))) < LONGEST_LINE + 1100


@pytest.mark.parametrize("output", ["table", "json", "csv", "list"])
def test_what_a_device_says_reaches_no_terminal_as_it_is(output: Output) -> None:
    for line in (f"cat /x -output {output}", f"processes -output {output}"):
        held = renderer(line, TERMINAL)
        part = held.part("web-01", "S1")
        shown = [part.item(Into("text")), part.item(b"\x1b[31mred\x07\n")] if "cat" in line else []
        shown += [
            part.item(Note("\x1b]0;title\x07\u202e")),
            held.said("web-01", Failed("\x1b[2Jgone")),
            part.end(well=True, evidence=(), exit_code=None, target="S1"),
            held.end({"answered": 1}, 0, 1.0),
        ]
        data = b"".join(s.out + s.err for s in shown)
        assert b"\x1b" not in data and b"\x07" not in data and "\u202e".encode() not in data


def test_many_notes_of_one_device_are_counted_not_shown() -> None:
    part = renderer("processes").part("web-01", "S9")
    err = b"".join(part.item(Note(f"note {n}")).err for n in range(50))
    err += part.end(well=True, evidence=(), exit_code=None, target="S9#1").err
    assert err.count(b"web-01: ") == MOST_NOTES + 1
    assert err.endswith(b"web-01: and 45 more notes, in S9#1\n")


def test_a_program_gets_notes_and_errors_as_objects_with_their_device() -> None:
    held = renderer("processes -output json")
    part = held.part("web-01", "S1")
    note = json.loads(part.item(Note("left out: /proc")).err)
    assert note == {"note": {"message": "left out: /proc", "device": "web-01"}}
    error = json.loads(held.said("web-02", Refused("no"), "S2#1").err)["error"]
    assert error == {"code": "refused", "message": "no", "target": "S2#1", "device": "web-02"}
    assert held.end({}, 0, 0.1).out == b"[\n]\n"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (Unreachable("web-07 is offline since 13:12:09Z"), "unreachable: offline since 13:12:09Z"),
        (Failed("dir on web-07: /x does not exist"), "failed: /x does not exist"),
        (Refused("dir on web-07 needs basic"), "refused: dir needs basic"),
        (Failed("dir stopped on web-07, 2 s, #1"), "failed: dir stopped on web-07, 2 s"),
        (Failed("it is full, #12 of them"), "failed: it is full, #12 of them"),
    ],
)
def test_an_error_does_not_name_its_device_twice(error: FirelineError, shown: str) -> None:
    assert told("web-07", "dir", error) == shown


def test_the_footer_counts_what_became_of_all() -> None:
    held = renderer("dir /", TERMINAL, 12)
    text = held.end({"answered": 9, "unreachable": 1, "failed": 0}, 2, 0.9).out.decode()
    assert text == ("0 rows; of 12 devices 9 answered, 1 unreachable, 2 not begun, 0.9 s, #7\n")
    assert renderer("dir /", PIPE).end({"answered": 3}, 0, 1.0).out == b""
    assert renderer("cat /x", TERMINAL, 1).end({}, 1, 1.0).out == (
        b"of 1 device 1 not begun, 1.0 s, #7\n"
    )


def test_progress_is_a_line_at_a_terminal_and_nothing_elsewhere() -> None:
    assert renderer("dir /", TERMINAL, 1000).progress(312, 50, 12.0) == (
        "312 of 1,000 devices  50 running  0 rows  12 s   Ctrl-C stop"
    )
    assert renderer("dir /").progress(1, 1, 1.0) == ""
    assert renderer("dir / -output json", TERMINAL).progress(1, 1, 1.0) == ""
