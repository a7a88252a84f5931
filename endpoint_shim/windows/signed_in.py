"""Who is signed in: the user of the session that has the console; a question to the system."""

import ctypes
import sys
from ctypes import POINTER, wintypes

from endpoint_shim.windows.kernel import kernel32

assert sys.platform == "win32"

USER_NAME = 5
NOBODY = 0xFFFFFFFF

wtsapi32 = ctypes.WinDLL("wtsapi32", use_last_error=True)
wtsapi32.WTSQuerySessionInformationW.argtypes = [
    *(wintypes.HANDLE, wintypes.DWORD, ctypes.c_int),
    *(POINTER(wintypes.LPWSTR), POINTER(wintypes.DWORD)),
]
wtsapi32.WTSFreeMemory.argtypes = [ctypes.c_void_p]


def user() -> str:
    """The name, or nothing."""
    session = kernel32.WTSGetActiveConsoleSessionId()
    name, size = wintypes.LPWSTR(), wintypes.DWORD()
    if session == NOBODY or not wtsapi32.WTSQuerySessionInformationW(
        None, session, USER_NAME, ctypes.byref(name), ctypes.byref(size)
    ):
        return ""
    try:
        return name.value or ""
    finally:
        wtsapi32.WTSFreeMemory(name)
