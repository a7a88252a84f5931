"""Values as people and programs read them; field kinds k10, k11 and k16."""

from commands.language.columns import Field
from commands.language.items import Column, Time
from commands.language.names import Name
from server.live.render.cells import cell, exact, moment

NAME = Field("path", "name", Column(), False)
NAMES = Field("arguments", "name", Column(), True)
TIME = Field("modified", "time", Column(), False)
SIZE = Field("size", "number", Column(size=True), False)
LENGTH = Field("length", "number", Column(duration=True), False)
FLAG = Field("hidden", "flag", Column(), False)
TEXT = Field("user_name", "text", Column(), False)


def test_times_are_utc_to_the_second_and_iso_with_milliseconds_for_programs() -> None:
    assert cell(TIME, Time(1_795_528_982_123)) == "2026-11-24 14:03:02Z"
    assert dict(exact(TIME, Time(1_795_528_982_123))) == {"modified": "2026-11-24T14:03:02.123Z"}
    assert cell(TIME, Time(0)) == "1970-01-01 00:00:00Z"
    assert cell(TIME, Time(-1)) == "1969-12-31 23:59:59Z"


def test_a_time_outside_the_calendar_is_the_raw_number_and_says_so() -> None:
    year_30828 = 910_692_730_085_477
    assert moment(year_30828) == "910692730085477 out of range"
    assert dict(exact(TIME, year_30828)) == {"modified": "910692730085477 out of range"}
    assert moment(-(2**63)) == f"{-(2**63)} out of range"
    assert moment(253_402_300_799_999) == "9999-12-31 23:59:59Z"


def test_nothing_is_a_dash_and_flags_are_words() -> None:
    for field in (NAME, NAMES, TIME, SIZE, FLAG, TEXT):
        assert cell(field, None) == "-"
    assert cell(TEXT, "") == cell(NAMES, []) == "-"
    assert (cell(FLAG, True), cell(FLAG, False), cell(SIZE, 0)) == ("yes", "no", "0")


def test_sizes_have_commas_and_other_numbers_have_not() -> None:
    assert cell(SIZE, 2_414_227_776) == "2,414,227,776"
    assert cell(Field("pid", "number", Column(), False), 79_600) == "79600"
    assert cell(Field("cpu", "number", Column(), False), 1.25) == "1.2"


def test_what_rounds_to_nothing_has_no_sign() -> None:
    offset = Field("clock_offset_s", "number", Column(), False)
    assert [cell(offset, v) for v in (-0.0, -0.04, 0.04, -0.06)] == ["0.0", "0.0", "0.0", "-0.1"]


def test_a_name_with_hidden_characters_is_visible_in_tables_and_exact_in_json() -> None:
    name = Name("invoice\u202efdp.exe")
    assert cell(NAME, name) == r"invoice\u{202e}fdp.exe"
    assert dict(exact(NAME, name)) == {"path": name, "path_raw": "raw:invoice%E2%80%AEfdp.exe"}


def test_a_name_that_is_no_text_has_its_raw_form_beside_it() -> None:
    assert dict(exact(NAME, Name("raw:i%FF%FEj"))) == {
        "path": r"i\xff\xfej",
        "path_raw": "raw:i%FF%FEj",
    }
    assert dict(exact(NAME, Name("plain.txt"))) == {"path": "plain.txt"}


def test_arguments_keep_their_borders() -> None:
    words = [Name("sh"), Name("-c"), Name("echo a b"), Name("")]
    assert cell(NAMES, words) == "sh -c 'echo a b' ''"
    assert dict(exact(NAMES, words)) == {"arguments": words}
    unclean = [Name("a\nb"), Name("c")]
    assert dict(exact(NAMES, unclean))["arguments_raw"] == ["raw:a%0Ab", "c"]


def test_a_newline_in_a_process_name_stays_in_its_row() -> None:
    assert cell(NAME, Name("x\nUid:\t0")) == r"x\x0aUid:\x090"
    assert cell(TEXT, "x\x1b[2J\r") == r"x\x1b[2J\x0d"


def test_a_length_is_told_in_one_unit_and_exact_for_programs() -> None:
    told = {4.2: "4 s", 59: "59 s", 246: "4 m", 3720: "62 m", 18_000: "5 h", 259_200: "3 d"}
    assert {seconds: cell(LENGTH, seconds) for seconds in told} == told
    assert dict(exact(LENGTH, 4.2)) == {"length": 4.2}
