"""Rows of one type from several devices: the same fields, and the device before them."""

from functools import lru_cache
from typing import Annotated, Any, cast, get_type_hints

import msgspec

from commands.language.items import Column, Row

DEVICE = "device"


class _Device(Row):
    device: Annotated[str, Column(1, identity=True)]


@lru_cache(maxsize=256)
def merged(row: type[Row]) -> type[Row]:
    """The row type with `device` as its first column; one that has it already is as it was."""
    if row.__struct_fields__[0] == DEVICE:
        return row
    hints = get_type_hints(row, include_extras=True)
    fields: list[Any] = [(DEVICE, get_type_hints(_Device, include_extras=True)[DEVICE])]
    fields += [(name, hints[name]) for name in row.__struct_fields__ if name != DEVICE]
    made = msgspec.defstruct(f"Of{row.__name__}", fields, bases=(Row,), kw_only=True)
    return cast(type[Row], made)


def of_device(device: str, row: Row) -> Row:
    """The row as one of that device."""
    kind = merged(type(row))
    if kind is type(row):
        return row
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    return kind(**{**values, DEVICE: device})
