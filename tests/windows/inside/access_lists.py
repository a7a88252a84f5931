"""Access lists for these tests: what Python has no word for."""

import ctypes
from pathlib import Path

from endpoint_shim.windows import access
from endpoint_shim.windows.accounts import advapi32
from endpoint_shim.windows.kernel import kernel32

FILE_OBJECT, LIST, CUT = access.FILE_OBJECT, access.LIST, access.CUT


def open_to_everyone(path: Path) -> None:
    """Whoever it is may change it."""
    text = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;WD)"
    descriptor, there = ctypes.c_void_p(), ctypes.c_void_p()
    flags = [ctypes.c_int(), ctypes.c_int()]
    assert advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(
        text, 1, ctypes.byref(descriptor), None
    )
    assert advapi32.GetSecurityDescriptorDacl(
        descriptor, ctypes.byref(flags[0]), ctypes.byref(there), ctypes.byref(flags[1])
    )
    set_list = ctypes.WinDLL("advapi32").SetNamedSecurityInfoW
    set_list.argtypes = [
        *(ctypes.c_wchar_p, ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p),
        *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
    ]
    told = set_list(str(path), FILE_OBJECT, LIST | CUT, None, None, there, None)
    kernel32.LocalFree(descriptor)
    assert told == 0
