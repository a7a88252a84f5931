"""Where a program lies that a rule names by its file alone: only where administrators say so.

A file of that name anywhere else may be anybody's, and a rule for it would be an open door: what
runs now is never asked, nor is anything in a user's own folders or registry.
"""

import os
import sys
import winreg
from collections.abc import Iterator

assert sys.platform == "win32"

APP_PATHS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths"
VIEWS = (winreg.KEY_WOW64_64KEY, winreg.KEY_WOW64_32KEY)


def places(name: str) -> list[str]:
    """Whole paths of a program; the path itself where it is one already."""
    if "\\" in name or "/" in name:
        return [name]
    file = name if name.lower().endswith(".exe") else f"{name}.exe"
    return list(dict.fromkeys(_registered(file))) + _in_system(file)


def _registered(file: str) -> Iterator[str]:
    for view in VIEWS:
        try:
            with winreg.OpenKey(
                winreg.HKEY_LOCAL_MACHINE, rf"{APP_PATHS}\{file}", 0, winreg.KEY_READ | view
            ) as key:
                value, kind = winreg.QueryValueEx(key, "")
        except OSError:
            continue  # not registered in this view
        if kind in (winreg.REG_SZ, winreg.REG_EXPAND_SZ):
            path = os.path.expandvars(value.strip().strip('"'))
            if os.path.basename(path).lower() == file.lower():
                yield path


def _in_system(file: str) -> list[str]:
    path = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", file)
    return [path] if os.path.isfile(path) else []
