"""Starts a program suspended, so that it is in its job before its first instruction.

1. It gets a line, a folder, an environment and either three handles or a pseudo console; no other
   handle of this process, and no lookup along a path: the program is named whole.
2. A child that cannot be put into its job is ended before it has done anything.
"""

import ctypes
import sys
from collections.abc import Callable, Mapping
from ctypes import POINTER, wintypes
from dataclasses import dataclass

from endpoint_shim.windows.child import Child
from endpoint_shim.windows.kernel import close, failure, kernel32

assert sys.platform == "win32"

# processthreadsapi.h, winbase.h.
SUSPENDED, NEW_GROUP, UNICODE, EXTENDED = 0x4, 0x200, 0x400, 0x80000
BREAKAWAY, NO_WINDOW = 0x01000000, 0x08000000
USE_HANDLES = 0x100
INHERIT = 1
HANDLE_LIST, PSEUDO_CONSOLE = 0x20002, 0x20016
FAILED_TO_RESUME = 0xFFFFFFFF


class _StartupInfo(ctypes.Structure):
    """STARTUPINFOEXW."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("texts", wintypes.LPWSTR * 3),
        ("numbers", wintypes.DWORD * 7),
        ("flags", wintypes.DWORD),
        ("show", wintypes.WORD),
        ("size_of_more", wintypes.WORD),
        ("more", ctypes.c_void_p),
        ("handles", wintypes.HANDLE * 3),
        ("attributes", ctypes.c_void_p),
    )


class _Started(ctypes.Structure):
    """PROCESS_INFORMATION."""

    _fields_ = (
        ("process", wintypes.HANDLE),
        ("thread", wintypes.HANDLE),
        ("pid", wintypes.DWORD),
        ("tid", wintypes.DWORD),
    )


kernel32.CreateProcessW.argtypes = [
    *(wintypes.LPCWSTR, wintypes.LPWSTR, ctypes.c_void_p, ctypes.c_void_p, wintypes.BOOL),
    *(wintypes.DWORD, ctypes.c_void_p, wintypes.LPCWSTR, ctypes.c_void_p, POINTER(_Started)),
]
kernel32.InitializeProcThreadAttributeList.argtypes = [
    *(ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD, POINTER(ctypes.c_size_t)),
]
kernel32.UpdateProcThreadAttribute.argtypes = [
    *(ctypes.c_void_p, wintypes.DWORD, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t),
    *(ctypes.c_void_p, ctypes.c_void_p),
]
kernel32.DeleteProcThreadAttributeList.argtypes = [ctypes.c_void_p]
kernel32.SetHandleInformation.argtypes = [wintypes.HANDLE, wintypes.DWORD, wintypes.DWORD]
kernel32.ResumeThread.argtypes = [wintypes.HANDLE]
kernel32.ResumeThread.restype = wintypes.DWORD


@dataclass(frozen=True)
class Order:
    """One program as it is to be started."""

    program: str
    line: str
    folder: str
    environment: Mapping[str, str]
    handles: tuple[int, int, int] = (0, 0, 0)
    """Standard input, output and errors; 0: none, as a pseudo console gives its own."""
    console: int = 0
    flags: int = 0


def started(order: Order, into_job: Callable[[int], None]) -> Child:
    """Raises OSError for a program that cannot be started."""
    found = _Started()
    info = _StartupInfo(flags=USE_HANDLES, handles=(wintypes.HANDLE * 3)(*order.handles))
    info.size = ctypes.sizeof(info)
    given = sorted({one for one in order.handles if one})
    inherited = (wintypes.HANDLE * max(1, len(given)))(*given)
    for handle in given:
        if not kernel32.SetHandleInformation(handle, INHERIT, INHERIT):
            raise failure()
    size = ctypes.c_size_t()
    kernel32.InitializeProcThreadAttributeList(None, 1, 0, ctypes.byref(size))
    attributes = ctypes.create_string_buffer(size.value)
    if not kernel32.InitializeProcThreadAttributeList(attributes, 1, 0, ctypes.byref(size)):
        raise failure()
    try:
        if order.console:
            what, value, length = PSEUDO_CONSOLE, order.console, ctypes.sizeof(ctypes.c_void_p)
        else:
            what, value = HANDLE_LIST, ctypes.addressof(inherited)
            length = ctypes.sizeof(inherited)
        if not kernel32.UpdateProcThreadAttribute(attributes, 0, what, value, length, None, None):
            raise failure()
        info.attributes = ctypes.addressof(attributes)
        if not kernel32.CreateProcessW(
            order.program,
            ctypes.create_unicode_buffer(order.line),
            None,
            None,
            bool(given),
            SUSPENDED | UNICODE | EXTENDED | order.flags,
            _block(order.environment),
            order.folder,
            ctypes.byref(info),
            ctypes.byref(found),
        ):
            raise failure()
    finally:
        kernel32.DeleteProcThreadAttributeList(attributes)
    child = Child(int(found.process), int(found.pid))
    try:
        into_job(child.pid)
        if kernel32.ResumeThread(found.thread) == FAILED_TO_RESUME:
            raise failure()
    except BaseException:
        child.kill()
        raise
    finally:
        close(found.thread)
    return child


def _block(environment: Mapping[str, str]) -> "ctypes.Array[ctypes.c_wchar]":
    """Sorted by name without its case, as the system keeps it; ended by an empty line."""
    lines = sorted(environment.items(), key=lambda one: one[0].upper())
    return ctypes.create_unicode_buffer("".join(f"{k}={v}\0" for k, v in lines) + "\0")
