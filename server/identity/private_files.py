"""Files that only the broker's own account may read: written whole or not at all, and checked.

1. A private file is 0600 and its folder 0700; one that others can read is refused, never mended:
   what it holds may be known already.
2. A file is written beside its place, fsynced, put in place in one step, and the folder fsynced.
3. A file that exists is never written over, except by `replace_private`.
"""

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

from commands.language.errors import Refused

LIMIT = 1024 * 1024


class NotPrivate(Refused):
    """A private file or folder is not what it must be; the sentence says how to put it right."""


def private_folder(path: Path) -> Path:
    """Makes the folder with 0700, or checks one that exists; returns it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotPrivate(f"{path.name} is no folder; move it away")
    _check(path, found, "chmod 700")
    return path


def write_private(path: Path, data: bytes) -> None:
    """A new file of 0600; FileExistsError where there is one already."""
    beside = _written_beside(path, data)
    try:
        os.link(beside, path)
    finally:
        beside.unlink()
    _sync_folder(path.parent)


def replace_private(path: Path, data: bytes) -> None:
    """A file of 0600 that takes the place of an older one in one step."""
    beside = _written_beside(path, data)
    try:
        os.replace(beside, path)
    except OSError:
        beside.unlink()
        raise
    _sync_folder(path.parent)


def read_private(path: Path, limit: int = LIMIT) -> bytes:
    """The file's bytes; refused when others can read it, when it is a link, or too long."""
    try:
        file = open_plain(path, os.O_NOFOLLOW)
    except FileNotFoundError:
        raise NotPrivate(f"{path.name} is missing; fireline init makes it") from None
    except OSError as error:
        raise NotPrivate(f"{path.name} cannot be opened: {error.strerror}") from None
    with file:
        _check(path, os.fstat(file.fileno()), "chmod 600")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise NotPrivate(f"{path.name} is longer than {limit:,} bytes")
    return data


def open_plain(path: Path, flags: int = 0) -> BinaryIO:
    """A plain file, opened to be read; OSError for anything else, and never a wait (a pipe)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return open(descriptor, "rb")


def _check(path: Path, found: os.stat_result, remedy: str) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise NotPrivate(f"{path.name} belongs to another account; chown it to this one")
    if found.st_mode & 0o077:
        raise NotPrivate(
            f"{path.name} is open to others ({stat.S_IMODE(found.st_mode):04o}); {remedy}, "
            "and make a new one where somebody may have read it"
        )


def _written_beside(path: Path, data: bytes) -> Path:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, 0o600)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # a umask may have taken the owner's own bits
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        beside.unlink()
        raise
    return beside


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
