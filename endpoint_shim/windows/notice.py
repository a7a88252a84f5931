"""Tells everybody who is signed in, in a window of the system's own (wtsapi32)."""

import ctypes
import logging
import sys
from collections.abc import Iterator
from ctypes import POINTER, wintypes

from endpoint_shim.windows.signed_in import wtsapi32

assert sys.platform == "win32"

TITLE = "Fireline"
ACTIVE, CONNECTED, DISCONNECTED = 0, 1, 4
# MB_OK | MB_ICONWARNING | MB_SETFOREGROUND.
STYLE = 0x30 | 0x10000
LONGEST = 1000

log = logging.getLogger("fireline.notice")


class _Session(ctypes.Structure):
    """WTS_SESSION_INFOW."""

    _fields_ = (
        ("id", wintypes.DWORD),
        ("station", wintypes.LPWSTR),
        ("state", ctypes.c_int),
    )


wtsapi32.WTSEnumerateSessionsW.argtypes = [
    *(wintypes.HANDLE, wintypes.DWORD, wintypes.DWORD),
    *(POINTER(POINTER(_Session)), POINTER(wintypes.DWORD)),
]
wtsapi32.WTSSendMessageW.argtypes = [
    *(wintypes.HANDLE, wintypes.DWORD, wintypes.LPCWSTR, wintypes.DWORD),
    *(wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD),
    *(POINTER(wintypes.DWORD), wintypes.BOOL),
]


def show(text: str) -> None:
    """Without waiting for an answer; that nobody can be told is no failure."""
    for session in sessions():
        _send(session, TITLE, text[:LONGEST])


def sessions() -> list[int]:
    """Of people, at the device or away from it; the first is the services' own."""
    return [one for one, state in _sessions() if one and state in (ACTIVE, CONNECTED, DISCONNECTED)]


def _sessions() -> Iterator[tuple[int, int]]:
    found, count = POINTER(_Session)(), wintypes.DWORD()
    if not wtsapi32.WTSEnumerateSessionsW(None, 0, 1, ctypes.byref(found), ctypes.byref(count)):
        log.warning("who is signed in is not known: %s", ctypes.WinError(ctypes.get_last_error()))
        return
    try:
        yield from [(int(found[at].id), int(found[at].state)) for at in range(count.value)]
    finally:
        wtsapi32.WTSFreeMemory(found)


def _send(session: int, title: str, text: str) -> None:
    answer = wintypes.DWORD()
    sizes = [len(one.encode("utf-16-le")) for one in (title, text)]
    if not wtsapi32.WTSSendMessageW(
        *(None, session, title, sizes[0], text, sizes[1], STYLE, 0, ctypes.byref(answer), False)
    ):
        log.warning(
            "session %d was not told: %s", session, ctypes.WinError(ctypes.get_last_error())
        )
