"""Seconds since Windows was started, sleep included (GetTickCount64)."""

import ctypes
import sys

assert sys.platform == "win32"

_ticks = ctypes.WinDLL("kernel32").GetTickCount64
_ticks.restype = ctypes.c_uint64


def seconds() -> float:
    """Now."""
    return float(_ticks()) / 1000
