"""What a path of the SFTP tree means; pure, and the only place that knows the tree's form.

1. A path is bytes. It is taken from `/`, `.` and `..` are walked here and never leave the tree,
   empty parts do not count, NUL is refused.
2. `/devices/NAME/root/…` is a Linux device's `/…`; what follows `root` stays as the bytes are.
   `/devices/NAME/C/…` is a Windows device's `C:\\…`; its names are text, those that hold half
   surrogates are listed and typed in their raw form (`raw:a%uD800b`).
3. A part may be typed in its raw form (`raw:i%FF%FEj`); it means that only where nothing is called
   `raw:…` itself, so that what a client has listed it gets.
4. What is no part of the tree is nowhere, and answered like a file that is not there.
"""

from dataclasses import dataclass
from typing import Literal

from commands.language import names
from commands.language.errors import NotUnderstood

LONGEST = 4096


@dataclass(frozen=True)
class Top:
    """A folder that every person has; its entries are `TOPS` or made by its branch."""

    path: Literal["/", "/devices", "/evidence", "/library", "/packages", "/sessions"]


@dataclass(frozen=True)
class DeviceTop:
    """`/devices/NAME`."""

    name: str


@dataclass(frozen=True)
class OnDevice:
    """Below `/devices/NAME/root` or a drive; `rest` is as it came."""

    name: str
    root: str
    rest: bytes


@dataclass(frozen=True)
class Evidence:
    """`/evidence/SESSION`, or a file in it."""

    session: str
    file: str | None


@dataclass(frozen=True)
class LibraryFile:
    """`/library/NAME`, or `NAME@VERSION`."""

    name: str


@dataclass(frozen=True)
class PackageFile:
    """`/packages/NAME`."""

    name: str


@dataclass(frozen=True)
class Recording:
    """`/sessions/SESSION.cast`."""

    session: str


@dataclass(frozen=True)
class Nowhere:
    """No part of the tree."""


Place = Top | DeviceTop | OnDevice | Evidence | LibraryFile | PackageFile | Recording | Nowhere

TOPS = ("devices", "evidence", "library", "packages", "sessions")
CAST = ".cast"


def walked(path: bytes) -> list[bytes]:
    """The parts of a path from `/`, with `.` and `..` gone; ValueError for what is no path."""
    if b"\0" in path:
        raise ValueError("a path has no NUL")
    if len(path) > LONGEST:
        raise ValueError(f"a path has at most {LONGEST:,} bytes")
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return parts


def whole(path: bytes) -> bytes:
    """The path as REALPATH gives it."""
    return b"/" + b"/".join(walked(path))


def place_of(path: bytes) -> Place:
    """Where a path is."""
    match walked(path):
        case []:
            return Top("/")
        case [b"devices"]:
            return Top("/devices")
        case [b"evidence"]:
            return Top("/evidence")
        case [b"library"]:
            return Top("/library")
        case [b"packages"]:
            return Top("/packages")
        case [b"packages", name]:
            return PackageFile(_text(name))
        case [b"sessions"]:
            return Top("/sessions")
        case [b"devices", name, *rest]:
            return _device(_text(name), rest)
        case [b"evidence", session]:
            return Evidence(_text(session), None)
        case [b"evidence", session, file]:
            return Evidence(_text(session), _text(file))
        case [b"library", name]:
            return LibraryFile(_text(name))
        case [b"sessions", file] if _text(file).endswith(CAST):
            return Recording(_text(file).removesuffix(CAST))
        case _:
            return Nowhere()


def raw_part(part: bytes) -> bytes | None:
    """The bytes that a part in the raw form stands for; None for any other part."""
    if not part.startswith(names.RAW.encode()):
        return None
    try:
        data = names.to_bytes(names.typed(part.decode("utf-8")))
    except (NotUnderstood, UnicodeDecodeError):
        return None
    return None if data in (b"", b".", b"..") or b"/" in data or b"\0" in data else data


def on_device(place: OnDevice, platform: str) -> bytes | None:
    """The device's own path; None where this platform has no such root."""
    if platform == "linux" and place.root == "root":
        return b"/" + place.rest
    return None


def on_drive(place: OnDevice) -> names.Name | None:
    """A Windows device's own path; None for what is no path there."""
    if not (len(place.root) == 1 and place.root.isalpha()):
        return None
    parts = [_units(part) for part in place.rest.split(b"/")] if place.rest else []
    if any(part is None for part in parts):
        return None
    return names.from_text(f"{place.root.upper()}:\\" + "\\".join(filter(None, parts)))


def _units(part: bytes) -> str | None:
    """A name on Windows; there `\\` is no part of one, and none begins with `raw:` itself."""
    try:
        name = names.to_units(names.typed(part.decode("utf-8")))
    except (NotUnderstood, UnicodeDecodeError):
        return None
    return None if name in ("", ".", "..") or any(c in name for c in "\\/\0") else name


def _device(name: str, rest: list[bytes]) -> Place:
    if not rest:
        return DeviceTop(name)
    return OnDevice(name, _text(rest[0]), b"/".join(rest[1:]))


def _text(part: bytes) -> str:
    """Our own names are ASCII; another is the name of nothing."""
    try:
        return part.decode("ascii")
    except UnicodeDecodeError:
        return ""
