"""CSV and spreadsheets of hostile rows, read by other readers than their writers."""

import csv
import io
import json

import pytest
import xlrd

from commands.language.host.processes import ProcessRow
from commands.language.items import Time
from commands.language.names import Name, from_bytes
from endpoint_shim.collecting import tables

HOSTILE = [
    *("=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(1)", "\t=1", "\r=1"),
    *('a "quoted", part', "line\nend", "‮txt.exe", "x" * 40_000, "𐐷" * 20_000),
]


def rows(*lines: list[str]) -> list[list[str]]:
    text = b"".join(map(tables.record, lines)).decode("utf-8")
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_the_devices_is_a_formula_or_breaks_a_line(text: str) -> None:
    (found,) = rows([text, "after"])
    assert found[1] == "after"
    assert not found[0].startswith(tables.FORMULA)
    assert found[0].lstrip("'") == text.lstrip("'") or found[0] == f"'{text}"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_spreadsheet_holds_it_as_text(text: str) -> None:
    book = xlrd.open_workbook(
        file_contents=tables.spreadsheet("Summary", [["title", "x"], [text, "after"]])
    )
    sheet = book.sheet_by_index(0)
    assert sheet.cell(1, 1).value == "after"
    cell = sheet.cell(1, 0)
    assert cell.ctype == xlrd.XL_CELL_TEXT
    assert not cell.value.startswith(tables.FORMULA)
    units = len(cell.value.encode("utf-16-le")) // 2
    assert units <= tables.LONGEST_CELL
    assert cell.value == tables.plain(text) or cell.value.endswith(tables.CUT)


def test_a_character_beyond_the_first_plane_does_not_spoil_what_follows() -> None:
    made = tables.spreadsheet("Summary", [["a𐐷b", "after"], ["next", "row"]])
    sheet = xlrd.open_workbook(file_contents=made).sheet_by_index(0)
    assert sheet.row_values(0) == ["a\\u{10437}b", "after"]
    assert sheet.row_values(1) == ["next", "row"]


def test_a_spreadsheet_says_where_it_has_no_more_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables.MOST_ROWS <= 65_536  # what the format has
    monkeypatch.setattr(tables, "MOST_ROWS", 100)
    made = tables.spreadsheet("Summary", ([str(n)] for n in range(tables.MOST_ROWS + 10)))
    sheet = xlrd.open_workbook(file_contents=made).sheet_by_index(0)
    assert sheet.nrows == tables.MOST_ROWS
    assert sheet.cell(tables.MOST_ROWS - 1, 0).value.endswith("the .csv has all of them")


def test_a_command_line_of_32_kb_and_a_name_of_bytes_stay_one_row() -> None:
    long = Name("=" + "a b\n" * 8192)
    row = ProcessRow(name=from_bytes(b"i\xffj"), pid=7, command_line=long, creation_time=Time(0))
    (found,) = rows(tables.cells(row))
    by_title = dict(zip(tables.titles(ProcessRow), found, strict=True))
    assert by_title["name"] == "i\\xffj" and by_title["pid"] == "7"
    assert by_title["creation_time"] == "1970-01-01T00:00:00.000Z"
    assert by_title["command_line"].startswith("'=a b\\x0a")
    exact = json.loads(tables.exact(row))
    assert exact["command_line"] == long and exact["name"] == "raw:i%FFj"


def test_a_time_of_no_calendar_is_its_number() -> None:
    assert tables.moment(2**62) == str(2**62)
