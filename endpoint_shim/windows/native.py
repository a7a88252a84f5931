"""Files by a folder's handle and one name: what only the kernel's own calls can say (ntdll).

A name below a handle is literal (trailing dots, `con`) and can lead nowhere else: there is no path
that somebody could change on the way. What stands at it is opened itself, never what it points to.
"""

import ctypes
import sys
from ctypes import POINTER, wintypes

from endpoint_shim.windows.kernel import ntdll

assert sys.platform == "win32"

# winnt.h, wdm.h.
READ_DATA, WRITE_DATA, APPEND_DATA, READ_ATTRIBUTES, WRITE_ATTRIBUTES = 0x1, 0x2, 0x4, 0x80, 0x100
DELETE, READ_CONTROL, WRITE_DAC, SYNCHRONIZE = 0x10000, 0x20000, 0x40000, 0x100000
SHARE_NONE, SHARE_ALL = 0, 7
OPEN, CREATE = 1, 2
A_FOLDER, SYNCHRONOUS, NO_FOLDER, BACKUP_INTENT, OPEN_REPARSE_POINT = (
    0x1,
    0x20,
    0x40,
    0x4000,
    0x200000,
)
CASE_INSENSITIVE = 0x40
NORMAL = 0x80
RENAME = 10
_LONGEST_NAME = 32_766


class _UnicodeString(ctypes.Structure):
    _fields_ = (
        ("length", wintypes.USHORT),
        ("maximum", wintypes.USHORT),
        ("buffer", ctypes.c_void_p),
    )


class _ObjectAttributes(ctypes.Structure):
    _fields_ = (
        ("length", wintypes.ULONG),
        ("root", wintypes.HANDLE),
        ("name", POINTER(_UnicodeString)),
        ("attributes", wintypes.ULONG),
        ("security", ctypes.c_void_p),
        ("quality", ctypes.c_void_p),
    )


class _IoStatus(ctypes.Structure):
    _fields_ = (("status", ctypes.c_void_p), ("information", ctypes.c_void_p))


class _Rename(ctypes.Structure):
    """FILE_RENAME_INFORMATION without the name, which follows at once."""

    _fields_ = (
        ("replace", ctypes.c_ubyte),
        ("root", wintypes.HANDLE),
        ("length", wintypes.ULONG),
    )


_NAME_AT = _Rename.length.offset + _Rename.length.size

ntdll.NtCreateFile.restype = ctypes.c_uint32
ntdll.NtCreateFile.argtypes = [
    *(POINTER(wintypes.HANDLE), wintypes.DWORD, POINTER(_ObjectAttributes), POINTER(_IoStatus)),
    *(ctypes.c_void_p, wintypes.ULONG, wintypes.ULONG, wintypes.ULONG, wintypes.ULONG),
    *(ctypes.c_void_p, wintypes.ULONG),
]
ntdll.NtSetInformationFile.restype = ctypes.c_uint32
ntdll.NtSetInformationFile.argtypes = [
    *(wintypes.HANDLE, POINTER(_IoStatus), ctypes.c_void_p, wintypes.ULONG, ctypes.c_int),
]
ntdll.RtlNtStatusToDosError.restype = wintypes.ULONG
ntdll.RtlNtStatusToDosError.argtypes = [ctypes.c_uint32]


def open_below(
    folder: int,
    name: str,
    access: int,
    *,
    share: int = SHARE_ALL,
    new: bool = False,
    a_folder: bool = False,
) -> int:
    """A handle of what an open folder holds under a name, or of a new file, or of a new folder;
    raises OSError."""
    units = name.encode("utf-16-le", "surrogatepass")
    if not units or len(units) > _LONGEST_NAME or "\\" in name or "/" in name:
        raise ctypes.WinError(123)
    text = ctypes.create_string_buffer(units, len(units))
    called = _UnicodeString(len(units), len(units), ctypes.addressof(text))
    wanted = _ObjectAttributes(
        ctypes.sizeof(_ObjectAttributes), folder, ctypes.pointer(called), CASE_INSENSITIVE
    )
    handle, status = wintypes.HANDLE(), _IoStatus()
    kind = A_FOLDER if a_folder else NO_FOLDER
    options = SYNCHRONOUS | OPEN_REPARSE_POINT | (kind if new else BACKUP_INTENT)
    _check(
        ntdll.NtCreateFile(
            ctypes.byref(handle),
            access | SYNCHRONIZE,
            ctypes.byref(wanted),
            ctypes.byref(status),
            None,
            NORMAL,
            share,
            CREATE if new else OPEN,
            options,
            None,
            0,
        )
    )
    return int(handle.value or 0)


def rename(handle: int, folder: int, name: str, *, replace: bool) -> None:
    """Gives an open file a name in an open folder; a link there is replaced, never followed."""
    units = name.encode("utf-16-le", "surrogatepass")
    data = ctypes.create_string_buffer(ctypes.sizeof(_Rename) + len(units))
    told = _Rename.from_buffer(data)
    told.replace, told.root, told.length = int(replace), folder, len(units)
    ctypes.memmove(ctypes.addressof(data) + _NAME_AT, units, len(units))
    status = _IoStatus()
    _check(ntdll.NtSetInformationFile(handle, ctypes.byref(status), data, len(data), RENAME))


def _check(status: int) -> None:
    if status >= 0x80000000:
        raise ctypes.WinError(ntdll.RtlNtStatusToDosError(status))
