"""The sessions' own folders: private, of a random name, wiped at the end and at the next start.

Wiping goes by file descriptors (`shutil.rmtree` does where the system can) and follows no link.
"""

import secrets
import shutil
from pathlib import Path
from typing import Any


def make(sessions: Path) -> Path:
    """A new folder for a session, 0700."""
    sessions.mkdir(mode=0o700, exist_ok=True)
    folder = sessions / secrets.token_hex(8)
    folder.mkdir(mode=0o700)
    return folder


def wipe(folder: Path) -> list[str]:
    """Removes it; gives what could not be removed, one sentence each, at most twenty."""
    left: list[str] = []

    def on_error(_: object, path: str, found: Any) -> None:
        if len(left) < 20 and not isinstance(found[1], FileNotFoundError):
            left.append(f"{_shown(path)} was not wiped ({found[1]})"[:500])

    shutil.rmtree(folder, onerror=on_error)
    return left


def wipe_leftovers(sessions: Path) -> list[str]:
    """Removes what an earlier run left."""
    if not sessions.is_dir():
        return []
    return [line for folder in sessions.iterdir() for line in wipe(folder)]


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()
