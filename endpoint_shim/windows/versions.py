"""Which Windows this is: its build, and what needs a newer one."""

import ctypes
import sys
from ctypes import wintypes

from commands.language.errors import Failed
from endpoint_shim.windows.kernel import ntdll

assert sys.platform == "win32"

NAMES = {15063: "1703", 16299: "1709"}


class _Version(ctypes.Structure):
    """RTL_OSVERSIONINFOW."""

    _fields_ = (
        ("size", wintypes.ULONG),
        ("major", wintypes.ULONG),
        ("minor", wintypes.ULONG),
        ("build", wintypes.ULONG),
        ("platform", wintypes.ULONG),
        ("pack", wintypes.WCHAR * 128),
    )


ntdll.RtlGetVersion.argtypes = [ctypes.POINTER(_Version)]
ntdll.RtlGetVersion.restype = ctypes.c_uint32


def build() -> int:
    """The kernel's own word: GetVersion tells a program without a manifest of an older one."""
    found = _Version(size=ctypes.sizeof(_Version))
    ntdll.RtlGetVersion(ctypes.byref(found))
    return int(found.build)


def need(least: int, what: str, here: int) -> None:
    """Raises Failed on a Windows that is older than `what` needs."""
    if here < least:
        raise Failed(
            f"{what} needs Windows 10 {NAMES[least]} (build {least}) or later; this is build {here}"
        )
