"""Who may do what with a file (advapi32): owner and access list, by handle; private folders.

A private folder is SYSTEM's and the administrators' (and its maker's, where that is another
account, as in a demo): nothing is inherited from above, everything in it inherits that.
"""

import ctypes
import sys
from ctypes import POINTER, wintypes
from pathlib import Path

from commands.language.errors import Refused
from endpoint_shim.windows import access_words, handles, native
from endpoint_shim.windows.accounts import Accounts, advapi32, elevated, own_sid, sid_of
from endpoint_shim.windows.kernel import close, failure, kernel32
from endpoint_shim.windows.paths import PREFIX

assert sys.platform == "win32"

SYSTEM = "S-1-5-18"
OWNERS = ("SY", "BA", SYSTEM, "S-1-5-32-544", "OW", "CO")
"""SYSTEM, the administrators, and whoever made a file in it."""
FILE_OBJECT = 1
OWNER, GROUP, LIST = 0x1, 0x2, 0x4
CUT, UNCUT = 0x80000000, 0x20000000
PROTECTED = 0x1000
REVISION = 1

_PROTOTYPES: tuple[tuple[str, list[object]], ...] = (
    (
        "GetSecurityInfo",
        [
            *(wintypes.HANDLE, ctypes.c_int, wintypes.DWORD, POINTER(ctypes.c_void_p)),
            *(POINTER(ctypes.c_void_p), POINTER(ctypes.c_void_p), POINTER(ctypes.c_void_p)),
            POINTER(ctypes.c_void_p),
        ],
    ),
    ("SetKernelObjectSecurity", [wintypes.HANDLE, wintypes.DWORD, ctypes.c_void_p]),
    (
        "ConvertStringSecurityDescriptorToSecurityDescriptorW",
        [wintypes.LPCWSTR, wintypes.DWORD, POINTER(ctypes.c_void_p), ctypes.c_void_p],
    ),
    (
        "ConvertSecurityDescriptorToStringSecurityDescriptorW",
        [
            *(ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD),
            *(POINTER(wintypes.LPWSTR), ctypes.c_void_p),
        ],
    ),
    (
        "GetSecurityDescriptorControl",
        [ctypes.c_void_p, POINTER(wintypes.WORD), POINTER(wintypes.DWORD)],
    ),
)
for _name, _arguments in _PROTOTYPES:
    getattr(advapi32, _name).argtypes = _arguments


class _Attributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_ = (
        ("length", wintypes.DWORD),
        ("descriptor", ctypes.c_void_p),
        ("inherit", wintypes.BOOL),
    )


class Descriptor:
    """A security descriptor of the system's memory; a context manager that frees it."""

    def __init__(self) -> None:
        self.at = ctypes.c_void_p()

    def __enter__(self) -> "Descriptor":
        return self

    def __exit__(self, *_: object) -> None:
        kernel32.LocalFree(self.at)

    def read(self, handle: int, what: int) -> "Descriptor":
        # Errors come as the result here, not by GetLastError.
        number = advapi32.GetSecurityInfo(
            handle, FILE_OBJECT, what, None, None, None, None, ctypes.byref(self.at)
        )
        if number:
            raise ctypes.WinError(number)
        return self

    def parse(self, text: str) -> "Descriptor":
        if not advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text, REVISION, ctypes.byref(self.at), None
        ):
            raise failure()
        return self

    def apply(self, handle: int, what: int) -> None:
        # The kernel's own word: SetSecurityInfo says that it did it in Wine and does nothing.
        if not advapi32.SetKernelObjectSecurity(handle, what, self.at):
            raise failure()

    def is_cut(self) -> bool:
        control, revision = wintypes.WORD(), wintypes.DWORD()
        if not advapi32.GetSecurityDescriptorControl(
            self.at, ctypes.byref(control), ctypes.byref(revision)
        ):
            raise failure()
        return bool(control.value & PROTECTED)

    def text(self, what: int) -> str:
        found = wintypes.LPWSTR()
        if not advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW(
            self.at, REVISION, what, ctypes.byref(found), None
        ):
            raise failure()
        try:
            return found.value or ""
        finally:
            kernel32.LocalFree(found)


def copy(source: int, target: int) -> None:
    """The access list of one open file for another, entry for entry."""
    with Descriptor() as found:
        found.read(source, LIST).apply(target, LIST | (CUT if found.is_cut() else UNCUT))


def described(handle: int) -> str:
    """Owner, group and access list of an open file, as SDDL."""
    with Descriptor() as found:
        return found.read(handle, OWNER | GROUP | LIST).text(OWNER | GROUP | LIST)


def private(own: str, *, full_rights: bool = False) -> str:
    """The SDDL of a private folder whose maker has that SID."""
    # An elevated administrator enters as one; without elevation the same account must not.
    maker = "" if own == SYSTEM or full_rights else f"(A;OICI;FA;;;{own})"
    return f"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA){maker}"


def make_private(path: Path) -> None:
    """A new private folder; raises FileExistsError where the name is taken."""
    with Descriptor() as wanted:
        wanted.parse(private(own_sid(), full_rights=elevated()))
        told = _Attributes(ctypes.sizeof(_Attributes), wanted.at, False)
        if not kernel32.CreateDirectoryW(PREFIX + str(path), ctypes.byref(told)):
            raise failure()


def refuse_open_to_others(path: Path) -> None:
    """Raises Refused for a folder into which more accounts look than the device's owners."""
    handle = handles.opened(str(path), native.READ_CONTROL)
    try:
        sddl = described(handle)
    finally:
        close(handle)
    owners = {*OWNERS, own_sid()}
    others = [who for who in access_words.allowed(sddl) if who not in owners]
    if others or "NO_ACCESS_CONTROL" in sddl:
        who = access_words.told(sddl, named)
        raise Refused(
            f"{path} is open to others ({who}); icacls {path} /inheritance:r /grant "
            "*S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F"
        )


def named(sid: str) -> str:
    """An account's name by its SID as SDDL writes it; the SID where the system knows none."""
    try:
        return Accounts().of_sid(sid_of(sid))
    except OSError:
        return sid


def set_private(path: Path) -> None:
    """Makes a folder that is there private; what is in it already keeps what it has."""
    handle = handles.opened(str(path), native.READ_CONTROL | native.WRITE_DAC)
    try:
        with Descriptor() as wanted:
            wanted.parse(private(own_sid(), full_rights=elevated())).apply(handle, LIST | CUT)
    finally:
        close(handle)
