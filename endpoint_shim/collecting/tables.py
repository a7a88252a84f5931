"""Rows as CSV and as a spreadsheet, where no text of the device's becomes a formula; pure.

Whoever reads them by a program finds the exact values in the `.json` beside them.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from commands.language.columns import Field, fields
from commands.language.items import Row
from commands.language.names import Name, shown
from commands.language.visible import visible

FORMULA = ("=", "+", "-", "@", "\t", "\r")
LONGEST_CELL = 32_767
MOST_ROWS = 2_000
"""Of a spreadsheet, which is made in memory."""
CUT = " … cut"
_WIDE = re.compile("[\U00010000-\U0010ffff]")


def titles(row: type[Row]) -> list[str]:
    return [field.name for field in fields(row)]


def cells(row: Row) -> list[str]:
    """A row's fields as texts."""
    return [cell(field, getattr(row, field.name)) for field in fields(type(row))]


def cell(field: Field, value: Any) -> str:
    if value is None:
        return ""
    if field.many:
        return " ".join(_one(field, each) for each in value)
    return _one(field, value)


def _one(field: Field, value: Any) -> str:
    match field.kind:
        case "name":
            return shown(Name(value))
        case "time":
            return moment(value)
        case "flag":
            return "yes" if value else "no"
        case "number":
            return str(value)
    return visible(str(value), keep="\n\t")


def moment(milliseconds: int) -> str:
    """UTC in ISO form; the number itself where no calendar has it."""
    try:
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return str(milliseconds)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


def plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def record(values: Sequence[str]) -> bytes:
    """One line of CSV (RFC 4180)."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([plain(value) for value in values])
    return line.getvalue().encode("utf-8", "backslashreplace")


def exact(row: Row) -> bytes:
    """A row as one line of JSON in ASCII: names in their `raw:` form, numbers as they are."""
    return json.dumps(msgspec.to_builtins(row), ensure_ascii=True).encode() + b"\n"


def spreadsheet(name: str, lines: Iterable[Sequence[str]]) -> bytes:
    """An .xls of one sheet; what its limits cannot hold is cut and says so."""
    import xlwt  # only who collects needs it

    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet(name[:31])
    for number, values in enumerate(lines):
        if number == MOST_ROWS - 1:
            sheet.write(number, 0, "more rows than this sheet takes; the .csv has all of them")
            break
        for column, value in enumerate(values):
            sheet.write(number, column, _fitted(plain(value)))
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _fitted(text: str) -> str:
    """xlwt counts a character of two UTF-16 units as one, and what follows it is misread: such a
    character is written out."""
    text = _WIDE.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", text)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - len(CUT)] + CUT
