"""Whose process it is: the token's SID and, where the system knows it, its name."""

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from ctypes import POINTER, wintypes

from endpoint_shim.windows.kernel import close, failure, kernel32

assert sys.platform == "win32"

TOKEN_QUERY = 0x0008
TOKEN_USER = 1
TOKEN_ELEVATION = 20
LONGEST_NAME = 256

advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
advapi32.OpenProcessToken.argtypes = [
    *(wintypes.HANDLE, wintypes.DWORD, POINTER(wintypes.HANDLE)),
]
advapi32.GetTokenInformation.argtypes = [
    *(wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD, POINTER(wintypes.DWORD)),
]
advapi32.LookupAccountSidW.argtypes = [
    *(wintypes.LPCWSTR, ctypes.c_void_p, wintypes.LPWSTR, POINTER(wintypes.DWORD)),
    *(wintypes.LPWSTR, POINTER(wintypes.DWORD), POINTER(ctypes.c_int)),
]
advapi32.ConvertSidToStringSidW.argtypes = [ctypes.c_void_p, POINTER(wintypes.LPWSTR)]
advapi32.ConvertStringSidToSidW.argtypes = [wintypes.LPCWSTR, POINTER(ctypes.c_void_p)]
advapi32.GetLengthSid.argtypes = [ctypes.c_void_p]
advapi32.GetLengthSid.restype = wintypes.DWORD


class Accounts:
    """Looks each SID up once: a domain's controller may take its time. Blocks."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}

    def of_process(self, process: int) -> str:
        """`DOMAIN\\\\name` of an open process; raises OSError where the token may not be read."""
        return self.of_sid(_process_sid(process))

    def of_sid(self, sid: bytes) -> str:
        if sid not in self._names:
            self._names[sid] = _name(sid)
        return self._names[sid]


def sid_of(text: str) -> bytes:
    """A SID out of its text, or of SDDL's two letters for it; raises OSError for another text."""
    found = ctypes.c_void_p()
    if not advapi32.ConvertStringSidToSidW(text, ctypes.byref(found)):
        raise failure()
    try:
        return ctypes.string_at(found.value or 0, advapi32.GetLengthSid(found))
    finally:
        kernel32.LocalFree(found)


def sid_bytes(at: int) -> bytes:
    """A copy of the SID that lies there."""
    return ctypes.string_at(at, advapi32.GetLengthSid(at))


def own_sid() -> str:
    """Of the account that this process runs as, as text."""
    return text_of(_process_sid(kernel32.GetCurrentProcess()))


def elevated() -> bool:
    """Whether this process is an administrator's with its full rights (UAC's word for it)."""
    with _token(kernel32.GetCurrentProcess()) as token:
        found, size = wintypes.DWORD(), wintypes.DWORD()
        there = ctypes.byref(found)
        if not advapi32.GetTokenInformation(
            token, TOKEN_ELEVATION, there, ctypes.sizeof(found), ctypes.byref(size)
        ):
            raise failure()
        return bool(found.value)


def _process_sid(process: int) -> bytes:
    with _token(process) as token:
        return _user_sid(token)


@contextlib.contextmanager
def _token(process: int) -> Iterator[wintypes.HANDLE]:
    token = wintypes.HANDLE()
    if not advapi32.OpenProcessToken(process, TOKEN_QUERY, ctypes.byref(token)):
        raise failure()
    try:
        yield token
    finally:
        close(token.value or 0)


def _user_sid(token: wintypes.HANDLE) -> bytes:
    size = wintypes.DWORD()
    advapi32.GetTokenInformation(token, TOKEN_USER, None, 0, ctypes.byref(size))
    # TOKEN_USER begins with the pointer to its SID.
    found = (ctypes.c_size_t * (size.value // ctypes.sizeof(ctypes.c_size_t) + 1))()
    if not advapi32.GetTokenInformation(token, TOKEN_USER, found, size, ctypes.byref(size)):
        raise failure()
    return ctypes.string_at(found[0], advapi32.GetLengthSid(found[0]))


def _name(sid: bytes) -> str:
    name, domain = (ctypes.create_unicode_buffer(LONGEST_NAME) for _ in range(2))
    sizes = [wintypes.DWORD(LONGEST_NAME), wintypes.DWORD(LONGEST_NAME)]
    kind = ctypes.c_int()
    if advapi32.LookupAccountSidW(
        None, sid, name, ctypes.byref(sizes[0]), domain, ctypes.byref(sizes[1]), ctypes.byref(kind)
    ):
        return f"{domain.value}\\{name.value}" if domain.value else name.value
    return text_of(sid)


def text_of(sid: bytes) -> str:
    text = wintypes.LPWSTR()
    if not advapi32.ConvertSidToStringSidW(sid, ctypes.byref(text)):
        return ""
    try:
        return text.value or ""
    finally:
        kernel32.LocalFree(text)
