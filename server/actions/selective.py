"""The rules of a selective isolation: named sets, data that the operator owns.

`isolation.yaml` in the broker's state folder adds sets to the one that ships (`default`: Outlook,
Teams and Skype for Business) and may replace it. A set is a list of allowances, with the fields of
`wire_contain.Allowance`. A set NAME.linux (NAME.windows) takes the place of NAME on such a device.
"""

from importlib.resources import files
from pathlib import Path

import msgspec
import yaml

from commands.language.errors import NotUnderstood
from commands.language.visible import visible
from commands.language.wire_contain import MAX_RULES, Allowance

FILE = "isolation.yaml"
_LARGEST = 1 << 20


def rules_named(state: Path, name: str, platform: str) -> tuple[Allowance, ...]:
    """The set of that name for such a device; NotUnderstood where there is none, or it does not
    fit."""
    sets = _read(files("server.actions").joinpath(FILE).read_text("utf-8"), FILE)
    own = state / FILE
    if own.exists():
        if own.stat().st_size > _LARGEST:
            raise NotUnderstood(f"{FILE} is over 1 MiB")
        sets |= _read(own.read_text("utf-8"), FILE)
    if (own_kind := f"{name}.{platform}") in sets:
        return sets[own_kind]
    if name not in sets:
        known = ", ".join(sorted(sets))
        raise NotUnderstood(f"no set of rules is called {visible(name)[:64]}; there are: {known}")
    return sets[name]


def _read(text: str, file: str) -> dict[str, tuple[Allowance, ...]]:
    try:
        sets = msgspec.convert(yaml.safe_load(text) or {}, dict[str, tuple[Allowance, ...]])
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise NotUnderstood(f"{file} does not fit: {str(error)[:300]}") from None
    for name, rules in sets.items():
        if len(rules) > MAX_RULES:
            raise NotUnderstood(f"{file}: {name} has more than {MAX_RULES} rules")
    return sets
