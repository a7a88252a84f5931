"""What the words of response actions share: the device that they are bound to, a length of time."""

import re

from commands.language.command import Command
from commands.language.desk import Desk
from commands.language.errors import NotUnderstood
from commands.language.visible import visible

_LENGTH = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_S = 366 * 86_400


def device_of(command: Command, named: str, desk: Desk) -> str:
    """The device that an action is asked of: the one that `on` named, else where one stands."""
    device = named or desk.device
    if device is None:
        word = command.spec.word
        raise NotUnderstood(f"{word} needs a device; connect NAME, or on NAME {word} …")
    return device


def seconds(length: str | None) -> float | None:
    """`10m`, `2h`, `3d` in seconds; None stays None; anything else is NotUnderstood."""
    if length is None:
        return None
    found = _LENGTH.fullmatch(length.strip().lower())
    if found is None or (value := int(found[1]) * _SECONDS[found[2]]) > LONGEST_S:
        raise NotUnderstood(
            f"a length of time is like 10m, 2h or 3d, up to 366d; not {visible(length)[:40]}"
        )
    return float(value)
