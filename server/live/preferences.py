"""The settings of people's consoles: six names, held in memory, kept by the store."""

import datetime
import re
import zoneinfo

import msgspec

from commands.language.errors import NotUnderstood
from commands.language.visible import visible
from server.store import preferences
from server.store.sqlite import Store

UTC = "UTC"
_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?([0-5]\d)\Z")
KEYS = {
    "ctrl-]": b"\x1d",
    "ctrl-\\": b"\x1c",
    "ctrl-^": b"\x1e",
    "ctrl-_": b"\x1f",
    "f12": b"\x1b[24~",
}
"""What may leave a shell, by its name; F12 always may."""
SWITCH = ("on", "off")
TAKES = {
    "color": ("on, off", "colours, where the terminal has them"),
    "zone": ("UTC, Europe/Berlin, +01:00", "where tables' times are; json and csv have UTC"),
    "page": ("on, off", "a stop line after 500 lines"),
    "bell": ("on, off", "a bell at the end of a job over 10 s"),
    "shell_key": (" ".join(KEYS), "leaves a shell; F12 does too"),
    "plain": ("on, off", "for screen readers: lists, ASCII, nothing redrawn"),
}


class Preferences(msgspec.Struct, frozen=True):
    """One person's; the defaults are everybody's who set nothing."""

    color: bool = True
    zone: str = UTC
    page: bool = True
    bell: bool = True
    shell_key: str = "ctrl-]"
    plain: bool = False

    def shown(self, name: str) -> str:
        value = getattr(self, name)
        return SWITCH[not value] if isinstance(value, bool) else str(value)

    def changed(self, name: str, text: str) -> "Preferences":
        """With another value; NotUnderstood where it is none."""
        value: bool | str
        if isinstance(getattr(self, name), bool):
            if text.lower() not in SWITCH:
                raise NotUnderstood(f"settings {name} takes on or off")
            value = text.lower() == "on"
        elif name == "zone":
            value = _zone_name(text)
        else:
            value = text.lower()
            if value not in KEYS:
                raise NotUnderstood(f"settings {name} takes one of {', '.join(KEYS)}")
        return msgspec.structs.replace(self, **{name: value})

    @property
    def tz(self) -> datetime.tzinfo | None:
        """The zone of times; None for UTC, and for one that this machine no longer knows."""
        try:
            return None if self.zone == UTC else zone_of(self.zone)
        except NotUnderstood:
            return None


class PreferencesRoom:
    """Everybody's."""

    def __init__(self, store: Store, found: dict[str, Preferences]) -> None:
        self._store, self._found = store, found

    @classmethod
    async def open(cls, store: Store) -> "PreferencesRoom":
        kept = await preferences.every(store)
        found = {}
        for person, text in kept.items():
            try:
                found[person] = msgspec.json.decode(text, type=Preferences)
            except msgspec.MsgspecError:
                continue  # of another version; the person sets it anew
        return cls(store, found)

    def of(self, person: str) -> Preferences:
        return self._found.get(person, DEFAULTS)

    async def set(self, person: str, name: str, value: str) -> Preferences:
        changed = self.of(person).changed(name, value)
        await preferences.keep(self._store, person, msgspec.json.encode(changed).decode())
        self._found[person] = changed
        return changed


DEFAULTS = Preferences()


def zone_of(text: str) -> datetime.tzinfo:
    """The zone of a name or an offset."""
    if found := _OFFSET.fullmatch(text):
        sign = -1 if found[1] == "-" else 1
        offset = datetime.timedelta(hours=int(found[2]), minutes=int(found[3]))
        return datetime.timezone(sign * offset)
    try:
        return zoneinfo.ZoneInfo(text)
    except (OSError, ValueError, KeyError):
        raise NotUnderstood(
            f"{visible(text)[:40]} is no time zone that the broker knows; as in Europe/Berlin, "
            "or an offset such as +01:00"
        ) from None


def _zone_name(text: str) -> str:
    if text.upper() in (UTC, "Z"):
        return UTC
    zone_of(text)
    return text
