"""The right to enforce: a file that is the own one of whoever has it, locked while he lives.

Replaced by another's or gone, the right is over; a lock that can be taken says that he has ended.
"""

import contextlib
import fcntl
import os
import time
from pathlib import Path

LOOK_S = 0.02


class Claim:
    """Made ready first: taking it is one rename."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(path.name + ".new")
        with contextlib.suppress(FileNotFoundError):
            self._beside.unlink()
        self._handle = os.open(
            self._beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        os.fsync(self._handle)

    def take(self) -> None:
        """Whoever had it has it no longer."""
        os.replace(self._beside, self._path)

    def holds(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._handle))
        except FileNotFoundError:
            return False


def is_held(path: Path) -> bool:
    """Whether somebody alive has it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _free(handle)
    finally:
        os.close(handle)


def end(path: Path, seconds: float) -> bool:
    """Takes the right from whoever has it, and waits until he has ended; False: he has not."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        path.unlink()
    except FileNotFoundError:
        return True
    try:
        until = time.monotonic() + seconds
        while not _free(handle):
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
        return True
    finally:
        os.close(handle)


def _free(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
