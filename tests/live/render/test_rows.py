"""json and csv: exact for programs, harmless in a spreadsheet."""

import csv
import io
import json

from commands.language.host.files import FileFactsRow, FileRow
from commands.language.names import Name
from server.live.render.rows import record
from tests.live.render.screens import MEM_DMP, PIPE, RUNDLL, TERMINAL, screen, shown


def test_json_is_ascii_and_exact_after_parsing() -> None:
    name = Name("\u202eé\x1b日\U0001f600.txt")
    text = screen("dir -output json", [FileRow(path=name, is_directory=False)])
    assert text.isascii() and json.loads(text)[0]["path"] == name
    assert json.loads(text)[0]["path_raw"].startswith("raw:")


def test_csv_has_titles_and_every_field_in_declared_order() -> None:
    text = shown("processes -output csv", [RUNDLL], TERMINAL).out.decode()
    titles, row = csv.reader(io.StringIO(text, newline=""))
    assert tuple(titles) == RUNDLL.__struct_fields__ and text.endswith("\r\n")
    assert dict(zip(titles, row, strict=True))["creation_time"] == "2026-11-24T10:58:23.000Z"
    assert dict(zip(titles, row, strict=True))["working_set"] == "10485760"


def test_csv_of_no_rows_is_its_titles() -> None:
    assert screen("dir -output csv", []).startswith("path,is_directory,size")


def test_no_csv_text_is_a_formula() -> None:
    for text in ("=1+1", "+1", "-1", "@x"):
        row = FileRow(path=Name(text), is_directory=False)
        line = screen("dir -output csv", [row], PIPE).splitlines()[1]
        assert line.startswith(f"'{text}")
    assert (
        screen("dir -output csv", [FileRow(path=Name("\t=1"), is_directory=False)]).count("\t") == 0
    )


def test_csv_quotes_as_rfc_4180_says() -> None:
    assert record(['a "b"', "c,d", ""]) == '"a ""b""","c,d",\r\n'


def test_one_record_is_a_list_with_every_field() -> None:
    row = FileFactsRow(path=Name("/etc/passwd"), size=1234, sha256="ab" * 32)
    lines = screen("fileinfo /etc/passwd", [row]).splitlines()
    assert lines[0] == "path         /etc/passwd" and "size         1,234" in lines
    assert f"sha256       {'ab' * 32}" in lines and "owner        -" in lines
    assert len(lines) == len(FileFactsRow.__struct_fields__)


def test_lists_wrap_on_a_terminal_only_and_have_a_gap_between_records() -> None:
    long = FileRow(path=Name("/" + "x" * 200), is_directory=False)
    on_screen = screen("dir -output list", [long, MEM_DMP]).splitlines()
    assert max(map(len, on_screen)) <= 79 and "" in on_screen
    assert "x" * 200 in shown("dir -output list", [long], PIPE).out.decode()
