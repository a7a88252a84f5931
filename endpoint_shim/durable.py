"""Small files of the state folder: private, whole or absent, on the disk before they count."""

import contextlib
import os
import stat
import sys
import time
from pathlib import Path

from commands.language.errors import Refused

# Handles are not inherited on Windows; there the C library changes line ends unless told.
if sys.platform == "win32":
    FLAGS = os.O_BINARY
else:
    FLAGS = os.O_CLOEXEC


TRIES, PAUSE_S = 50, 0.02
"""Our own processes read small files whole: that is over in a moment."""


def save(path: Path, data: bytes) -> None:
    """Writes beside, syncs, renames over, syncs the folder."""
    beside = path.with_name(path.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FLAGS, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    _put_in_place(beside, path)
    sync_folder(path.parent)


def read(path: Path) -> bytes:
    """All of a file that another process may be replacing at this moment."""
    for _ in range(TRIES if sys.platform == "win32" else 0):
        try:
            return path.read_bytes()
        except PermissionError:
            time.sleep(PAUSE_S)
    return path.read_bytes()


def _put_in_place(beside: Path, path: Path) -> None:
    """Windows replaces no file that another process reads at this moment: it is tried again."""
    for _ in range(TRIES if sys.platform == "win32" else 0):
        try:
            os.replace(beside, path)
            return
        except PermissionError:
            time.sleep(PAUSE_S)
    os.replace(beside, path)


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` durable; Windows has no such call."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_unless_private(path: Path) -> None:
    """Raises Refused for a file or folder that somebody else may read or change."""
    if sys.platform == "win32":
        # Files have what their folder lets them inherit.
        if path.is_dir():
            from endpoint_shim.windows.access import refuse_open_to_others

            refuse_open_to_others(path)
        return
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        raise Refused(f"{path} is a link; the shim's own files are none")
    if facts.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to user {facts.st_uid}; give it to user {os.geteuid()}")
    if facts.st_mode & 0o077:
        wanted = "0700" if stat.S_ISDIR(facts.st_mode) else "0600"
        mode = stat.S_IMODE(facts.st_mode)
        raise Refused(f"{path} is open to others (mode {mode:04o}); chmod {wanted} {path}")
