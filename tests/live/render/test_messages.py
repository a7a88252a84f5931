"""Errors, footers and progress, as console.md shows them."""

import json

from commands.language.errors import Refused, Unreachable
from commands.language.items import Progress
from server.live.render import Style, error_shown, error_text, progress_line
from server.live.render.messages import duration, footer
from tests.live.render.screens import PIPE, TERMINAL

REFUSED = """
refused: run on db-02 needs advanced, you are basic (rule db-read, access.yaml
line 41); why run db-02 shows the way to it
"""


def test_a_refusal_is_the_screen_of_the_document() -> None:
    error = Refused(
        "run on db-02 needs advanced, you are basic (rule db-read, access.yaml line 41); "
        "why run db-02 shows the way to it"
    )
    assert error_text(error, TERMINAL, None) == REFUSED.strip()
    assert error_shown(error, PIPE, None).err == (error.shown() + "\n").encode()


def test_an_error_in_json_is_one_object_on_stderr_with_device_and_rule() -> None:
    shown = error_shown(Unreachable("x é"), TERMINAL, "json", "S1#1", "lap-117", "r")
    assert shown.out == b"" and json.loads(shown.err) == {
        "error": {
            "code": "unreachable",
            "message": "x é",
            "target": "S1#1",
            "device": "lap-117",
            "rule": "r",
        }
    }


def test_only_the_class_word_is_red_and_only_with_colour() -> None:
    text = error_text(Refused("why"), Style(True, color=True), None)
    assert text == "\x1b[31mrefused\x1b[0m: why"
    assert error_text(Refused("why"), Style(False, color=True), None) == "refused: why"


def test_a_message_that_quotes_a_device_is_harmless() -> None:
    assert "\x1b" not in error_text(Refused("x\x1b[2J"), TERMINAL, None)


def test_durations_are_as_a_person_says_them() -> None:
    assert [duration(s) for s in (0.04, 2.44, 26, 94, 371, 7_500)] == [
        *("0.0 s", "2.4 s", "26 s", "94 s", "6 m 11 s", "2 h 5 m")
    ]


def test_a_footer_names_what_is_missing() -> None:
    assert footer(1204, 0.1, 3) == "1,204 rows, 0.1 s, #3"
    assert footer(1, None, None, cut=["x"]) == "1 row. Cut: x. Whole: -output list"


def test_progress_without_a_total_or_of_things_that_are_not_bytes() -> None:
    assert progress_line(Progress(5_000_000, None, "x"), 2.0, 80).startswith("x  5.0 MB  2 MB/s")
    line = progress_line(Progress(12_345, None, "folders"), 14.0, 80, size=False)
    assert line.startswith("folders  12,345  14 s")


def test_progress_that_has_counted_nothing_yet_says_what_it_does_and_how_long() -> None:
    line = progress_line(Progress(0, None, "looking through /tmp"), 3.0, 80)
    assert line == "looking through /tmp  3.0 s   Ctrl-C stop, Ctrl-Z behind"


def test_progress_of_a_file_that_goes_on_counts_only_what_came_now() -> None:
    line = progress_line(Progress(1_100_000_000, 2_000_000_000), 1.0, 80, start=1_000_000_000)
    assert "100 MB/s" in line and "9 s left" in line


def test_progress_fits_any_window_and_shows_hostile_names_harmless() -> None:
    line = progress_line(Progress(1, 2, "\x1b[2J" * 50), 1.0, 40)
    assert len(line) <= 39 and "\x1b" not in line
    assert progress_line(Progress(3, 2), 0.0, 80).startswith("100 %")
