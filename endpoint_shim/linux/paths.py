"""Paths of this device: joined, opened by handle, and refused in words.

1. A path is made whole by its letters (`..` too), as a shell's `cd` does; that one is checked by
   the policy, and once it is open the real path of the handle is checked as well.
2. What is opened is looked at through the handle before it is read: `look` never blocks on a
   pipe and never wakes a device.
3. Paths longer than PATH_MAX are opened in pieces.
"""

import errno
import os
import stat
from typing import Protocol

from commands.language import names
from commands.language.errors import Failed, FirelineError, NotUnderstood, Refused
from commands.language.names import Name, from_bytes, shown

_PIECE = 3000
_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS)

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
}
SAID = {
    "file": "a plain file",
    "directory": "a folder",
    "link": "a link",
    "pipe": "a pipe",
    "socket": "a socket",
    "character": "a character device",
    "block": "a block device",
    "other": "no file of a known kind",
}


class PathPolicy(Protocol):
    """The device's own say over paths."""

    def check_path(self, path: str) -> None:
        """Raises Refused for a whole path (as os.fsdecode gives it) that is off limits."""
        ...

    def check_written(self, path: str) -> None:
        """The same for a path that is to be made or replaced."""
        ...

    def check_open(self, path: str, device: int, number: int) -> None:
        """Raises Refused where what is open, whatever its path, is the shim's own."""
        ...

    def check_made(self, path: str, device: int, number: int) -> None:
        """The same for a new name in the open folder of that identity."""
        ...


class NotThere(Failed):
    """Nothing is at a path."""


def kind_of(mode: int) -> str:
    """The `Kind` of a stat mode."""
    return KINDS.get(stat.S_IFMT(mode), "other")


def joined(folder: Name, path: Name | None) -> bytes:
    """The whole path of `path` seen from `folder`."""
    whole = names.whole(folder, path)
    if b"\0" in whole:
        raise NotUnderstood(f"{shown(from_bytes(whole))} holds a NUL, which no Linux path can")
    if not whole.startswith(b"/"):
        raise NotUnderstood(f"{shown(from_bytes(whole))} is no whole path")
    return whole


def open_path(path: bytes, flags: int) -> int:
    """os.open of a whole path of any length."""
    flags |= os.O_CLOEXEC
    if len(path) <= _PIECE:
        return os.open(path, flags)
    at = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        *on_the_way, last = _pieces(path)
        for piece in on_the_way:
            into = os.open(piece, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = into
        return os.open(last, flags, dir_fd=at)
    finally:
        os.close(at)


def _pieces(path: bytes) -> list[bytes]:
    pieces = [b""]
    for part in path.strip(b"/").split(b"/"):
        if len(pieces[-1]) + len(part) < _PIECE:
            pieces[-1] += (b"/" if pieces[-1] else b"") + part
        else:
            pieces.append(part)
    return pieces


def look(path: bytes, *, follow: bool = False) -> int:
    """A handle to look at what is there (O_PATH): nothing is read, woken or waited for."""
    return open_path(path, os.O_PATH | (0 if follow else os.O_NOFOLLOW))


def reopened(handle: int, flags: int) -> int:
    """A handle for use on the very thing that `handle` looks at, whatever its path is by now."""
    return os.open(f"/proc/self/fd/{handle}", flags | os.O_CLOEXEC | os.O_NOCTTY)


def real_path(handle: int, otherwise: bytes) -> bytes:
    """Where the open thing really lies; `otherwise` where the system cannot say (too long)."""
    try:
        return os.readlink(f"/proc/self/fd/{handle}".encode())
    except OSError:
        return otherwise


def text(path: bytes) -> str:
    """A path for a message."""
    return shown(from_bytes(path))


def in_words(error: OSError, path: bytes) -> FirelineError:
    """What a system call's failure on `path` means."""
    name = text(path)
    match error.errno:
        case errno.ENOENT:
            return NotThere(f"{name} does not exist")
        case errno.ENOTDIR:
            return Failed(f"{name} is not there: a name on the way to it is no folder")
        case errno.ELOOP:
            return Failed(f"{name} leads through links that go round in a circle")
        case errno.ENAMETOOLONG:
            return Failed(f"{name} has a name longer than this file system takes")
        case errno.ENOSPC | errno.EDQUOT:
            return Failed(f"no space is left for {name}; free some and try again")
        case number if number in _REFUSALS:
            return Refused(f"{name}: the system says {os.strerror(number).lower()}")
    return Failed(f"{name}: {(error.strerror or str(error)).lower()}")
