"""A device's name for a thing (file, unit, value): exact on the wire, visible on the screen.

A `Name` is text without surrogates. What the device holds as bytes (Linux) or UTF-16 units
(Windows) that are no clean text is written `raw:` and the percent form: `raw:i%FF%FEj`, a lone
UTF-16 unit as `%uD800`. Text that itself begins with `raw:` is written in that form too, so that
every Name means one thing.
"""

import ntpath
import posixpath
import re
from typing import NewType
from urllib.parse import quote_from_bytes, unquote_to_bytes

from commands.language.errors import NotUnderstood
from commands.language.visible import ends_quoted, is_clean, visible_bytes, visible_name

Name = NewType("Name", str)

RAW = "raw:"
_SAFE = "/\\:~!$&'()*+,;=@-._ []{}^#"
_BAD_PERCENT = re.compile(r"%(?!u[0-9A-Fa-f]{4}|[0-9A-Fa-f]{2})")
_LONE = re.compile("[\ud800-\udfff]")
_UNIT = re.compile(r"%u([0-9A-Fa-f]{4})")


def from_bytes(data: bytes) -> Name:
    """The Name of a Linux file name."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return Name(RAW + quote_from_bytes(data, safe=_SAFE))
    return from_text(text)


def from_text(text: str) -> Name:
    """The Name of text; lone surrogates (Windows units) take the raw form."""
    if _LONE.search(text):
        text = _paired(text)
    if text.startswith(RAW) or _LONE.search(text):
        return Name(RAW + _percent_units(text))
    return Name(text)


def _paired(text: str) -> str:
    """Two surrogates side by side are one character, as Windows has it."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def to_bytes(name: Name) -> bytes:
    """The bytes of a Linux file name; raises NotUnderstood for a Windows raw form."""
    if not name.startswith(RAW):
        return name.encode("utf-8")
    form = name[len(RAW) :]
    if _UNIT.search(form):
        raise NotUnderstood(f"{name} holds UTF-16 units, which no Linux name has")
    return unquote_to_bytes(form)


def to_units(name: Name) -> str:
    """The text of a Windows name, lone surrogates included."""
    if not name.startswith(RAW):
        return name
    form = name[len(RAW) :]
    parts = _UNIT.split(form)
    # split() with one group alternates plain text and the unit's four digits.
    return "".join(
        chr(int(part, 16)) if odd else unquote_to_bytes(part).decode("utf-8", "replace")
        for part, odd in ((part, i % 2) for i, part in enumerate(parts))
    )


def typed(text: str) -> Name:
    """The Name that a person typed; a `raw:` form is checked and made canonical."""
    if _LONE.search(text):
        raise NotUnderstood("a name with bytes that are no UTF-8 is typed as raw: and %FF forms")
    if not text.startswith(RAW):
        return Name(text)
    form = text[len(RAW) :]
    if bad := _BAD_PERCENT.search(form):
        raise NotUnderstood(f"{text}: % needs two hex digits (or u and four) at {bad.start() + 5}")
    if not _UNIT.search(form):
        return from_bytes(unquote_to_bytes(form))
    try:
        for part in _UNIT.split(form)[::2]:
            unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        raise NotUnderstood(f"{text}: a name has bytes or UTF-16 units, not both") from None
    return from_text(to_units(Name(text)))


def shown(name: Name) -> str:
    """The Name as visible text, for tables and messages."""
    if not name.startswith(RAW):
        return visible_name(name)
    if _UNIT.search(name):
        return visible_name(to_units(name))
    return ends_quoted(visible_bytes(to_bytes(name)))


def last_part(name: Name) -> Name:
    """What stands after the last separator; a Linux path has only one, its names hold any other."""
    if name.removeprefix(RAW).startswith("/"):
        try:
            return from_bytes(to_bytes(name).rsplit(b"/", 1)[-1])
        except NotUnderstood:
            pass  # units in a Linux name: a device that lies
    return from_text(re.split(r"[/\\]", to_units(name))[-1])


def whole(folder: Name, path: Name | None) -> bytes:
    """A Linux path as seen from `folder`, by its letters (`..` too), as a shell's `cd` has it."""
    joined = posixpath.join(to_bytes(folder), to_bytes(path) if path is not None else b"")
    is_whole = joined.startswith(b"/")
    return b"/" + posixpath.normpath(joined).lstrip(b"/") if is_whole else joined


def is_whole(name: Name, *, windows: bool) -> bool:
    """Whether it is a path from the root, or from a drive's."""
    if windows:
        return re.match(r"[A-Za-z]:\\", to_units(name)) is not None
    try:
        return to_bytes(name).startswith(b"/")
    except NotUnderstood:
        return False


def is_same(folder: Name, asked: Name, said: Name, ending: str = "") -> bool:
    """Whether a device's path may be the one asked for, with `ending` behind it; on Windows,
    where one place has many spellings, whether both end in the same name."""
    if folder.removeprefix(RAW).startswith("/"):
        try:
            return whole(folder, asked) + ending.encode() == whole(folder, said)
        except NotUnderstood:
            return False
    ends = [ntpath.basename(ntpath.normpath(to_units(name))).lower() for name in (asked, said)]
    return ends[0] + ending == ends[1]


def text(name: Name) -> str | None:
    """The exact text that the Name stands for; None where it is bytes or units and no text."""
    if not name.startswith(RAW):
        return str(name)
    if _UNIT.search(name):
        return None
    try:
        return to_bytes(name).decode("utf-8")
    except UnicodeDecodeError:
        return None


def raw_form(name: Name) -> str | None:
    """How the Name is typed back where its visible text would not do; None for clean text."""
    if name.startswith(RAW):
        return str(name)
    if is_clean(name):
        return None
    return RAW + quote_from_bytes(name.encode("utf-8"), safe=_SAFE)


def _percent_units(text: str) -> str:
    return "".join(
        f"%u{ord(c):04X}"
        if "\ud800" <= c <= "\udfff"
        else quote_from_bytes(c.encode("utf-8"), safe=_SAFE)
        for c in text
    )
