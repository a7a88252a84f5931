"""A row's fields as a person reads them and as a program does.

Everything a device gave goes through the escaper here; JSON alone has the exact text.
"""

import datetime
from collections.abc import Iterator
from typing import Any

from commands.language import names
from commands.language.columns import Field
from commands.language.line import quoted
from commands.language.visible import visible_name

EPOCH = datetime.datetime(1970, 1, 1)
NO_CALENDAR = "out of range"


def moment(
    time: int,
    pieces: str = "seconds",
    between: str = " ",
    zone: datetime.tzinfo | None = None,
) -> str:
    """A device's time as it gave it; outside the calendar the raw number, and that it is."""
    try:
        at = EPOCH + datetime.timedelta(milliseconds=time)
        if zone is not None:
            return at.replace(tzinfo=datetime.UTC).astimezone(zone).isoformat(between, pieces)
    except OverflowError:
        return f"{time} {NO_CALENDAR}"
    return at.isoformat(between, pieces) + "Z"


def span(seconds: float) -> str:
    """About how long, in one unit: `40 s`, `31 m`, `5 h`, `3 d`."""
    whole = int(seconds)
    for unit, word in ((86_400, "d"), (3600, "h"), (60, "m")):
        if whole >= 2 * unit or (whole >= unit and word == "m"):
            return f"{whole // unit} {word}"
    return f"{whole} s"


def cell(field: Field, value: Any, zone: datetime.tzinfo | None = None) -> str:
    """The value as visible text for tables and lists; `-` for nothing."""
    if value is None or value == "" or value == [] or value == ():
        return "-"
    if field.many:
        return " ".join(quoted(_cell(field, one, zone)) for one in value)
    return _cell(field, value, zone)


def _cell(field: Field, value: Any, zone: datetime.tzinfo | None) -> str:
    if field.kind == "name":
        return names.shown(value)
    if field.kind == "time":
        return moment(value, zone=zone)
    if field.kind == "flag":
        return "yes" if value else "no"
    if field.kind == "number":
        return _number(field, value)
    return visible_name(str(value))


def _number(field: Field, value: int | float) -> str:
    if field.column.duration:
        return span(value)
    if isinstance(value, float):
        value = round(value, 1) + 0.0  # plus nought: what rounds to -0.0 is 0.0
        return f"{value:,.1f}" if field.column.size else f"{value:.1f}"
    return f"{value:,}" if field.column.size else str(value)


def exact(field: Field, value: Any) -> Iterator[tuple[str, Any]]:
    """The field's JSON: the exact value, and `_raw` beside a name that is no clean text."""
    if field.kind == "time" and value is not None:
        yield field.name, moment(value, "milliseconds", "T")
    elif field.kind != "name" or value is None:
        yield field.name, value
    elif field.many:
        yield field.name, [_exact(one) for one in value]
        if any(names.raw_form(one) for one in value):
            yield f"{field.name}_raw", [names.raw_form(one) or one for one in value]
    else:
        yield field.name, _exact(value)
        if raw := names.raw_form(value):
            yield f"{field.name}_raw", raw


def _exact(name: names.Name) -> str:
    text = names.text(name)
    return names.shown(name) if text is None else text
