"""A process's command line as it was given; its own claim, for it may change it."""

import ctypes
import sys
from ctypes import wintypes

from commands.language.names import Name, from_text
from endpoint_shim.windows.kernel import QUERY_AND_READ, close, failure, kernel32, ntdll

assert sys.platform == "win32"

# PROCESSINFOCLASS; a command line is at most 32,767 characters.
BASIC_INFORMATION, COMMAND_LINE_INFORMATION = 0, 60
LONGEST = 65_536
# 64-bit PEB and RTL_USER_PROCESS_PARAMETERS (winternl.h and phnt): where the text's address stands.
PEB_AT, PARAMETERS_AT, COMMAND_LINE_AT = 8, 0x20, 0x70


def command_line(process: int, pid: int) -> Name:
    """Asked of the kernel, which keeps a copy for the asking; before Windows 8.1 read from it."""
    found = ctypes.create_string_buffer(16 + LONGEST)
    size = wintypes.ULONG()
    status = ntdll.NtQueryInformationProcess(
        process, COMMAND_LINE_INFORMATION, found, len(found), ctypes.byref(size)
    )
    if status != 0:
        return from_text(_read_from(pid))
    length, pointer = _unicode_string(found.raw)
    start = pointer - ctypes.addressof(found)
    return from_text(_text(found.raw[start : start + length]))


def _read_from(pid: int) -> str:
    process = kernel32.OpenProcess(QUERY_AND_READ, False, pid)
    if not process:
        raise failure()
    try:
        basic = ctypes.create_string_buffer(48)
        status = ntdll.NtQueryInformationProcess(
            process, BASIC_INFORMATION, basic, len(basic), ctypes.byref(wintypes.ULONG())
        )
        if status != 0:
            raise OSError(f"its memory is not described (NTSTATUS {status:#x})")
        peb = _pointer(basic.raw, PEB_AT)
        parameters = _pointer(_memory(process, peb + PARAMETERS_AT, 8), 0)
        length, text = _unicode_string(_memory(process, parameters + COMMAND_LINE_AT, 16))
        return _text(_memory(process, text, length))
    finally:
        close(process)


def _memory(process: int, address: int, size: int) -> bytes:
    found = ctypes.create_string_buffer(size)
    if not kernel32.ReadProcessMemory(process, address, found, size, None):
        raise failure()
    return found.raw


def _unicode_string(data: bytes) -> tuple[int, int]:
    """Length in bytes and address of a UNICODE_STRING."""
    return int.from_bytes(data[:2], "little"), _pointer(data, 8)


def _pointer(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _text(data: bytes) -> str:
    return data.decode("utf-16-le", "surrogatepass")
