"""The sessions' own folders: private, of a random name, wiped at the end and at the next start.

Wiping goes by file descriptors (`shutil.rmtree` does where the system can) and follows no link.
On Windows it takes names as they are (`con`, `x.`, long ones) and files that are read-only.
"""

import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from endpoint_shim import private

_LITERAL = "\\\\?\\" if sys.platform == "win32" else ""


def make(sessions: Path) -> Path:
    """A new folder for a session, private."""
    private.keep_folder(sessions)
    folder = sessions / secrets.token_hex(8)
    private.make_folder(folder)
    return folder


def wipe(folder: Path) -> list[str]:
    """Removes it; gives what could not be removed, one sentence each, at most twenty."""
    left: list[str] = []

    def on_error(call: Callable[[str], None], path: str, found: Any) -> None:
        if sys.platform == "win32" and isinstance(found[1], PermissionError) and _freed(call, path):
            return
        if len(left) < 20 and not isinstance(found[1], FileNotFoundError):
            left.append(f"{_shown(path)} was not wiped ({found[1]})"[:500])

    shutil.rmtree(_LITERAL + str(folder), onerror=on_error)
    return left


def wipe_leftovers(sessions: Path) -> list[str]:
    """Removes what an earlier run left."""
    if not sessions.is_dir():
        return []
    return [line for folder in sessions.iterdir() for line in wipe(folder)]


def _freed(remove: Callable[[str], None], path: str) -> bool:
    """Whether a file or folder was only read-only, and is gone now."""
    try:
        os.chmod(path, stat.S_IWRITE)
        remove(path)
    except OSError:
        return False
    return True


def _shown(path: str) -> str:
    return path.removeprefix(_LITERAL).encode("utf-8", "backslashreplace").decode()
