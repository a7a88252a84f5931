"""The four forms of rows: table, list, json, csv. Each is fed rows and gives text."""

import csv
import io
import json
from typing import Protocol

from commands.language.columns import Field, fields
from commands.language.items import Row
from commands.language.line import Output
from server.live.render.cells import cell, exact, moment
from server.live.render.style import Style
from server.live.render.table import Table
from server.live.render.width import padded, wrapped

FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Form(Protocol):
    """What shows rows: text for now, and the rest at the end."""

    def add(self, row: Row) -> str: ...
    def end(self) -> str: ...


class List:
    """`field  value`, whole and wrapped; an empty line between two records."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.first = True

    def add(self, row: Row) -> str:
        all_fields = fields(type(row))
        left = max(len(field.name) for field in all_fields) + 2
        lines = [] if self.first else [""]
        self.first = False
        for field in all_fields:
            lines += self._lines(
                field.name, cell(field, getattr(row, field.name), self.style.zone), left
            )
        return "".join(f"{line}\n" for line in lines)

    def _lines(self, name: str, value: str, left: int) -> list[str]:
        room = max(self.style.width - left, 20)
        pieces = wrapped(value, room) if self.style.terminal else [value]
        return [padded("" if at else name, left) + piece for at, piece in enumerate(pieces)]

    def end(self) -> str:
        return ""


class Json:
    """One array, one row a line, ASCII, every field; closed however the command ends."""

    def __init__(self) -> None:
        self.first = True

    def add(self, row: Row) -> str:
        pairs = (p for field in fields(type(row)) for p in exact(field, getattr(row, field.name)))
        return self.line(dict(pairs))

    def line(self, value: dict[str, object]) -> str:
        before = "[\n" if self.first else ",\n"
        self.first = False
        return before + compact(value)

    def end(self) -> str:
        return "[\n]\n" if self.first else "\n]\n"


def compact(value: object) -> str:
    """JSON on one line in ASCII."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


class Csv:
    """RFC 4180 with titles and every field; no text can become a formula in a spreadsheet."""

    def __init__(self, declared: type[Row] | None) -> None:
        self.titled: type[Row] | None = None
        self.declared = declared

    def add(self, row: Row) -> str:
        text = "" if self.titled else self._titles(type(row))
        return text + record([plain(f, getattr(row, f.name)) for f in fields(type(row))])

    def _titles(self, row: type[Row]) -> str:
        self.titled = row
        return record([field.name for field in fields(row)])

    def end(self) -> str:
        if self.titled or self.declared is None:
            return ""
        return self._titles(self.declared)


def record(values: list[str]) -> str:
    """One CSV line."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue()


def plain(field: Field, value: object) -> str:
    """A value for CSV: numbers bare, times in ISO form, texts visible and never a formula."""
    if value is None:
        return ""
    if isinstance(value, int | float) and field.kind == "number":
        return str(value)
    if isinstance(value, int) and field.kind == "time":
        return moment(value, "milliseconds", "T")
    text = cell(field, value)
    if text == "-" and not value:
        return ""
    return f"'{text}" if text.startswith(FORMULA) else text


def form(output: Output, declared: type[Row] | None, style: Style) -> "Form | Table":
    """The form of a name; `plain` turns tables into lists."""
    if output == "json":
        return Json()
    if output == "csv":
        return Csv(declared)
    if output == "list" or (style.terminal and style.plain):
        return List(style)
    return Table(style)
