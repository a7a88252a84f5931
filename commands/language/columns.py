"""The fields of a declared row type: what each holds, and how its declaration wants it shown."""

import typing
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from commands.language.items import Column, Row, Time
from commands.language.names import Name

Kind = Literal["name", "time", "number", "flag", "text"]


@dataclass(frozen=True)
class Field:
    """One field of a row type; `many`: a list of such values."""

    name: str
    kind: Kind
    column: Column
    many: bool

    @property
    def right(self) -> bool:
        """Whether a table sets it right."""
        return self.kind == "number"


@lru_cache(maxsize=256)
def fields(row: type[Row]) -> tuple[Field, ...]:
    """The fields of a row type in declared order."""
    hints = typing.get_type_hints(row, include_extras=True)
    return tuple(_field(name, hints[name]) for name in row.__struct_fields__)


def _field(name: str, hint: Any) -> Field:
    column = Column()
    while typing.get_origin(hint) is Annotated:
        hint, *extras = typing.get_args(hint)
        column = next((e for e in extras if isinstance(e, Column)), column)
    many = False
    while typing.get_origin(hint) is not None:
        many = many or typing.get_origin(hint) in (list, tuple)
        hint = next(p for p in typing.get_args(hint) if p is not type(None))
    return Field(name, _kind(hint), column, many)


def _kind(plain: Any) -> Kind:
    if plain is Name:
        return "name"
    if plain is Time:
        return "time"
    if plain is bool:
        return "flag"
    return "number" if plain in (int, float) else "text"
