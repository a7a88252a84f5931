"""The whole grammar as JSON, for programs that write lines: `fireline grammar`; pure."""

import json
from typing import Any

import msgspec

from commands.language.columns import Field, fields
from commands.language.command import (
    Command,
    DeskCommand,
    DeviceCommand,
    Parameter,
    TerminalCommand,
    discover,
)
from commands.language.items import Row
from commands.language.line import MAX_LINE, OUTPUTS, usage
from commands.language.names import Name

VERSION = 1
QUOTING = (
    "words are split at spaces and tabs; a quote, single or double, opens at the start of a word "
    "or directly after a closing quote and is itself elsewhere; no character escapes; parts that "
    "touch make one word"
)
OPTIONS = {
    "-output": {"takes": list(OUTPUTS), "of": "words with rows or text"},
    "-raw": {"takes": None, "of": "words with text"},
    "-comment": {"takes": "text", "of": "every word"},
    "-yes": {"takes": None, "of": "every word"},
    "-devices": {"takes": "integer", "of": "changes on several devices"},
    "-digest": {"takes": "text", "of": "words that need another one first"},
}


def grammar() -> dict[str, Any]:
    """Words, parameters and columns as values that JSON has."""
    return {
        "version": VERSION,
        "longest_line": MAX_LINE,
        "quoting": QUOTING,
        "behind": "&",
        "keep": ">",
        "options": OPTIONS,
        "commands": [_command(cls) for cls in discover().values()],
    }


def as_json() -> str:
    """The grammar as ASCII JSON, one command a line."""
    whole = grammar()
    commands = ",\n".join(json.dumps(c, ensure_ascii=True) for c in whole.pop("commands"))
    head = json.dumps(whole, ensure_ascii=True)
    return f'{head[:-1]}, "commands": [\n{commands}\n]}}\n'


def kind(cls: type[Command]) -> str:
    """Which of the four kinds of command it is."""
    if issubclass(cls, DeviceCommand):
        return "device"
    if issubclass(cls, TerminalCommand):
        return "terminal"
    return "desk" if issubclass(cls, DeskCommand) else "console"


def _command(cls: type[Command]) -> dict[str, Any]:
    spec = cls.spec
    return {
        "word": spec.word,
        "aliases": list(spec.aliases),
        "kind": kind(cls),
        "group": spec.group,
        "role": spec.role,
        "right": spec.right,
        "platforms": sorted(spec.platforms),
        "limit_s": spec.limit,
        "changes": spec.changes,
        "needs": spec.needs,
        "under": spec.under,
        "text": spec.text,
        "usage": usage(spec),
        "summary": spec.summary,
        "parameters": [_parameter(p) for p in spec.parameters if p.mark is None or p.help],
        "rows": _row(spec.rows) if spec.rows else None,
    }


def _parameter(p: Parameter) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": p.name,
        "kind": _kind(p),
        "typed": "flag" if p.flag else "position" if p.mark is None else p.mark.value,
        "required": p.required,
        "help": p.help,
    }
    if p.choices:
        said["choices"] = list(p.choices)
    if p.default is not msgspec.NODEFAULT:
        said["default"] = p.default
    return said


def _kind(p: Parameter) -> str:
    if p.choices:
        return "choice"
    kinds = {bool: "flag", int: "integer", float: "number", Name: "name"}
    return kinds.get(p.type, "text")


def _row(row: type[Row]) -> list[dict[str, Any]]:
    return [_column(field) for field in fields(row)]


def _column(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "kind": field.kind,
        "many": field.many,
        "priority": field.column.priority,
        "identity": field.column.identity,
        "table": not field.column.wide,
    }
