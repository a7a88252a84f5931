"""The calls of kernel32 and ntdll that Python has no word for, with their types; only that."""

import ctypes
import sys
from ctypes import POINTER, wintypes
from typing import Any

assert sys.platform == "win32"

kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
ntdll = ctypes.WinDLL("ntdll")

QUERY_LIMITED = 0x1000
QUERY_AND_READ = 0x0410
SET_QUOTA_AND_TERMINATE = 0x0101
INVALID = wintypes.HANDLE(-1).value

_PROTOTYPES: tuple[tuple[str, Any, list[Any]], ...] = (
    ("CloseHandle", wintypes.BOOL, [wintypes.HANDLE]),
    ("OpenProcess", wintypes.HANDLE, [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]),
    (
        "QueryFullProcessImageNameW",
        wintypes.BOOL,
        [wintypes.HANDLE, wintypes.DWORD, wintypes.LPWSTR, POINTER(wintypes.DWORD)],
    ),
    ("CreateJobObjectW", wintypes.HANDLE, [ctypes.c_void_p, wintypes.LPCWSTR]),
    ("AssignProcessToJobObject", wintypes.BOOL, [wintypes.HANDLE, wintypes.HANDLE]),
    ("TerminateJobObject", wintypes.BOOL, [wintypes.HANDLE, wintypes.UINT]),
    (
        "SetInformationJobObject",
        wintypes.BOOL,
        [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD],
    ),
    (
        "QueryInformationJobObject",
        wintypes.BOOL,
        [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p],
    ),
    (
        "CreateFileW",
        wintypes.HANDLE,
        [
            *(wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p),
            *(wintypes.DWORD, wintypes.DWORD, wintypes.HANDLE),
        ],
    ),
    (
        "GetFileInformationByHandleEx",
        wintypes.BOOL,
        [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD],
    ),
    (
        "GetFinalPathNameByHandleW",
        wintypes.DWORD,
        [wintypes.HANDLE, wintypes.LPWSTR, wintypes.DWORD, wintypes.DWORD],
    ),
    (
        "ReadProcessMemory",
        wintypes.BOOL,
        [
            *(wintypes.HANDLE, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t),
            POINTER(ctypes.c_size_t),
        ],
    ),
    (
        "ReOpenFile",
        wintypes.HANDLE,
        [wintypes.HANDLE, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD],
    ),
    ("GetLogicalDrives", wintypes.DWORD, []),
    ("GetDriveTypeW", wintypes.UINT, [wintypes.LPCWSTR]),
    (
        "SetFileInformationByHandle",
        wintypes.BOOL,
        [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD],
    ),
    (
        "ReadFile",
        wintypes.BOOL,
        [
            *(wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD),
            *(POINTER(wintypes.DWORD), ctypes.c_void_p),
        ],
    ),
    (
        "WriteFile",
        wintypes.BOOL,
        [
            *(wintypes.HANDLE, ctypes.c_char_p, wintypes.DWORD),
            *(POINTER(wintypes.DWORD), ctypes.c_void_p),
        ],
    ),
    (
        "DeviceIoControl",
        wintypes.BOOL,
        [
            *(wintypes.HANDLE, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD),
            *(ctypes.c_void_p, wintypes.DWORD, POINTER(wintypes.DWORD), ctypes.c_void_p),
        ],
    ),
    ("FlushFileBuffers", wintypes.BOOL, [wintypes.HANDLE]),
    ("CreateDirectoryW", wintypes.BOOL, [wintypes.LPCWSTR, ctypes.c_void_p]),
    ("GetCurrentProcess", wintypes.HANDLE, []),
    (
        "DuplicateHandle",
        wintypes.BOOL,
        [
            *(wintypes.HANDLE, wintypes.HANDLE, wintypes.HANDLE, POINTER(wintypes.HANDLE)),
            *(wintypes.DWORD, wintypes.BOOL, wintypes.DWORD),
        ],
    ),
    ("GetFileType", wintypes.DWORD, [wintypes.HANDLE]),
    (
        "SetFileTime",
        wintypes.BOOL,
        [wintypes.HANDLE, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p],
    ),
    ("GenerateConsoleCtrlEvent", wintypes.BOOL, [wintypes.DWORD, wintypes.DWORD]),
    ("WTSGetActiveConsoleSessionId", wintypes.DWORD, []),
    ("LocalFree", ctypes.c_void_p, [ctypes.c_void_p]),
)
for _name, _result, _arguments in _PROTOTYPES:
    _call = getattr(kernel32, _name)
    _call.restype, _call.argtypes = _result, _arguments

ntdll.NtQuerySystemInformation.restype = ctypes.c_uint32
ntdll.NtQuerySystemInformation.argtypes = [
    *(ctypes.c_int, ctypes.c_void_p, wintypes.ULONG, POINTER(wintypes.ULONG)),
]
ntdll.NtQueryInformationProcess.restype = ctypes.c_uint32
ntdll.NtQueryInformationProcess.argtypes = [
    *(wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.ULONG, POINTER(wintypes.ULONG)),
]


def failure() -> OSError:
    """The last call's failure."""
    return ctypes.WinError(ctypes.get_last_error())


def close(handle: int) -> None:
    kernel32.CloseHandle(handle)
