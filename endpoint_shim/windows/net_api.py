"""Local groups and SMB sessions, by netapi32 (lmaccess.h, lmshare.h, lmuse.h)."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from ctypes import POINTER, wintypes
from typing import Any, NamedTuple

from endpoint_shim.collecting.side import Missed

assert sys.platform == "win32"

MORE = 234
WHOLE = 0xFFFFFFFF
"""MAX_PREFERRED_LENGTH: as much as there is."""
MOST_CALLS = 1000


class _Group(ctypes.Structure):
    """LOCALGROUP_INFO_1."""

    _fields_ = (("name", wintypes.LPWSTR), ("comment", wintypes.LPWSTR))


class _Member(ctypes.Structure):
    """LOCALGROUP_MEMBERS_INFO_0: SIDs alone, so that one without a name hides no other."""

    _fields_ = (("sid", ctypes.c_void_p),)


class _Session(ctypes.Structure):
    """SESSION_INFO_10."""

    _fields_ = (
        ("client", wintypes.LPWSTR),
        ("user", wintypes.LPWSTR),
        ("time", wintypes.DWORD),
        ("idle", wintypes.DWORD),
    )


class _Use(ctypes.Structure):
    """USE_INFO_1."""

    _fields_ = (
        ("local", wintypes.LPWSTR),
        ("remote", wintypes.LPWSTR),
        ("password", wintypes.LPWSTR),
        ("status", wintypes.DWORD),
        ("kind", wintypes.DWORD),
        ("references", wintypes.DWORD),
        ("uses", wintypes.DWORD),
    )


class Group(NamedTuple):
    name: str
    comment: str


class Session(NamedTuple):
    """Somebody's session on this device's shares."""

    client: str
    user: str
    seconds: int
    idle_s: int


class Use(NamedTuple):
    """A share elsewhere that this account uses."""

    local: str
    remote: str
    status: int


class NetApi:
    """The calls; `library` is netapi32."""

    def __init__(self, library: Any = None) -> None:
        self._library = ctypes.WinDLL("netapi32") if library is None else library
        counts = [POINTER(wintypes.DWORD), POINTER(wintypes.DWORD)]
        for name, before, resume in (
            ("NetLocalGroupEnum", 1, ctypes.c_size_t),
            ("NetLocalGroupGetMembers", 2, ctypes.c_size_t),
            ("NetSessionEnum", 3, wintypes.DWORD),
            ("NetUseEnum", 1, wintypes.DWORD),
        ):
            call = getattr(self._library, name)
            call.restype = wintypes.DWORD
            call.argtypes = [
                *[wintypes.LPCWSTR] * before,
                *(wintypes.DWORD, POINTER(ctypes.c_void_p), wintypes.DWORD, *counts),
                POINTER(resume),
            ]
        self._library.NetApiBufferFree.argtypes = [ctypes.c_void_p]

    def groups(self) -> Iterator[Group]:
        call = self._library.NetLocalGroupEnum
        for one in self._listed("NetLocalGroupEnum", call, (None,), 1, _Group, ctypes.c_size_t()):
            yield Group(one.name or "", one.comment or "")

    def members(self, group: str, read: Callable[[int], bytes]) -> list[bytes]:
        """The SIDs of a group; `read` copies one from where it lies."""
        call, where = self._library.NetLocalGroupGetMembers, (None, group)
        name = "NetLocalGroupGetMembers"
        listed = self._listed(name, call, where, 0, _Member, ctypes.c_size_t())
        return [read(one.sid) for one in listed if one.sid]

    def sessions(self) -> Iterator[Session]:
        call, where = self._library.NetSessionEnum, (None, None, None)
        for one in self._listed("NetSessionEnum", call, where, 10, _Session, wintypes.DWORD()):
            yield Session(one.client or "", one.user or "", one.time, one.idle)

    def uses(self) -> Iterator[Use]:
        call = self._library.NetUseEnum
        for one in self._listed("NetUseEnum", call, (None,), 1, _Use, wintypes.DWORD()):
            yield Use(one.local or "", one.remote or "", one.status)

    def _listed(
        self, name: str, call: Any, where: tuple[Any, ...], level: int, kind: Any, resume: Any
    ) -> Iterator[Any]:
        """The structures of all answers; each is read before its buffer is given back."""
        for _ in range(MOST_CALLS):
            found, count, total = ctypes.c_void_p(), wintypes.DWORD(), wintypes.DWORD()
            status = call(
                *(*where, level, ctypes.byref(found), WHOLE),
                *(ctypes.byref(count), ctypes.byref(total), ctypes.byref(resume)),
            )
            try:
                if status not in (0, MORE):
                    raise Missed("failed", f"{name}: {ctypes.FormatError(status)}", str(status))
                if found.value:
                    yield from (kind * count.value).from_address(found.value)
            finally:
                if found.value:
                    self._library.NetApiBufferFree(found)
            if status == 0:
                return
