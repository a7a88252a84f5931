"""What the parts of tools/windows_check.py share: how one says that it cannot run, and programs."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_TOLD = 4000
PROGRAM_S = 120


class NotHere(Exception):
    """This part cannot run here; the message says why."""


def ran(words: list[str], seconds: float, cwd: Path = ROOT) -> str:
    """What a program said; AssertionError with all of it where it failed."""
    done = subprocess.run(
        words,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    if done.returncode and not re.search(r"\\icacls.exe$", words[0]):
        raise AssertionError(f"{words[:4]} ended with {done.returncode}: {said[-MOST_TOLD:]}")
    return said


def elevated() -> bool:
    return sys.platform == "win32" and bool(ctypes.WinDLL("shell32").IsUserAnAdmin())


def need_elevation() -> None:
    if not elevated():
        raise NotHere("needs an elevated prompt")
