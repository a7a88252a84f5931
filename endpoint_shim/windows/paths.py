"""Paths of a Windows device, made whole by their letters; pure.

1. Never `os.path.abspath`: it drops trailing dots and spaces and turns `con` into a device. What
   is opened has the `\\\\?\\` prefix, so that a name is what it says.
2. A name has one spelling here: a second colon only for a stream, where one is looked at
   (`file::$DATA` is the file itself), no network (the machine's own credentials would go there),
   no devices. 8.3 names and links are seen
   through by the real path, which is checked as well.
"""

import ntpath
import re
from typing import Protocol

from commands.language.errors import Failed, FirelineError, NotUnderstood, Refused
from commands.language.names import Name, from_text, shown, to_units

PREFIX = "\\\\?\\"
_PREFIXED = re.compile(r"^\\\\\?\\(?=[A-Za-z]:)")
_DRIVE = re.compile(r"^[A-Za-z]:")

# winerror.h
NOT_FOUND = (2, 3, 15, 21, 1005)
DENIED = (5, 19)
SHARING, LOCKED = 32, 33
NO_NAME = (87, 123, 161)
NO_FOLDER = 267
FULL = (39, 112)
TOO_LONG = 206


class PathPolicy(Protocol):
    """The device's own say over paths."""

    def check_path(self, path: str) -> None:
        """Raises Refused for a whole path that is off limits."""
        ...

    def check_open(self, path: str, device: int, number: int) -> None:
        """Raises Refused where what is open, whatever its path, is the shim's own."""
        ...


class NotThere(Failed):
    """Nothing is at a path."""


def joined(folder: Name, path: Name | None, *, stream: bool = False) -> str:
    """The whole path of `path` seen from `folder`, without the prefix: `C:\\x`.

    With `stream` it may name a stream of a file, too: `C:\\x:stream`.
    """
    at, asked = to_units(folder), to_units(path) if path is not None else ""
    for one in (at, asked):
        if "\0" in one:
            raise NotUnderstood(f"{shown(from_text(one))} holds a NUL, which no path can")
    asked = _PREFIXED.sub("", asked.replace("/", "\\"))
    if asked.startswith("\\\\"):
        raise Refused(
            f"{text(asked)} is on the network or a device; paths here begin with a drive of the "
            "device's own (it would sign in there as itself)"
        )
    whole = ntpath.join(at, _with_root(asked, at))
    if not _DRIVE.match(whole) or whole[2:3] != "\\":
        raise NotUnderstood(f"{text(whole)} is no whole path; one begins with a drive, as in C:\\")
    whole = whole[0].upper() + ntpath.normpath(whole)[1:]
    return _with_stream(whole, stream) if ":" in whole[2:] else whole


def _with_stream(whole: str, wanted: bool) -> str:
    above, _, last = whole.rpartition("\\")
    name, _, stream = last.partition(":")
    stream, typed, kind = stream.partition(":")
    if not wanted:
        raise Refused(
            f"{text(whole)} names a stream of a file; getfile, cat and fileinfo take those"
        )
    if ":" in above[2:] or not name or (typed and kind.upper() != "$DATA"):
        raise Refused(f"{text(whole)} is no file, and no stream of one that is looked at here")
    plain = f"{above}\\{name}:{stream}" if stream else f"{above}\\{name}"
    if plain != whole:
        raise Refused(f"{text(whole)} is another spelling of {text(plain)}; ask for that")
    return whole


def file_of(path: str) -> str:
    """The file of a whole path that may name a stream of it."""
    at = path.find(":", 2)
    return path if at < 0 else path[:at]


def _with_root(asked: str, at: str) -> str:
    """`D:` is its root; `D:x` depends on a folder of that drive, which a responder has not."""
    if not _DRIVE.match(asked) or asked[2:3] == "\\":
        return asked
    if len(asked) == 2:
        return asked + "\\"
    if asked[0].upper() == at[:1].upper():
        return asked[2:]
    raise NotUnderstood(f"{text(asked)} is no whole path; say {asked[:2]}\\{text(asked[2:])}")


def below(folder: str, name: str) -> str:
    """The path of an entry."""
    return folder + name if folder.endswith("\\") else f"{folder}\\{name}"


def without_prefix(real: str) -> str:
    """What GetFinalPathNameByHandle gives, as a person writes it."""
    if real.startswith("\\\\?\\UNC\\"):
        return "\\\\" + real[8:]
    return real.removeprefix(PREFIX)


def text(path: str) -> str:
    """A path for a message."""
    return shown(from_text(path))


def in_words(error: OSError, path: str) -> FirelineError:
    """What a system call's failure on `path` means; the numbers are in winerror.h."""
    name = text(path)
    number = getattr(error, "winerror", None) or 0
    if number in NOT_FOUND or isinstance(error, FileNotFoundError):
        return NotThere(f"{name} does not exist")
    if number in DENIED:
        return Refused(f"{name}: the system says access is denied")
    if number == SHARING:
        return Failed(f"{name} is in use by another program that does not share it")
    if number == LOCKED:
        return Failed(f"{name}: a part of it is locked by another program, and cannot be read")
    if number in FULL:
        return Failed(f"no space is left for {name}; free some and try again")
    if number in NO_NAME:
        return Failed(f"{name} is no name that this system takes")
    if number == NO_FOLDER:
        return Failed(f"{name} is no folder")
    if number == TOO_LONG:
        return Failed(f"{name} has a name longer than this file system takes")
    return Failed(f"{name}: {(error.strerror or str(error)).lower().rstrip('.')}")
