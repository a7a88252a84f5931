"""Files by handle: opened without following a link, and asked through the handle alone."""

import contextlib
import ctypes
import msvcrt
import os
import struct
import sys
from collections.abc import Iterator
from ctypes import wintypes

from endpoint_shim.windows import entries
from endpoint_shim.windows.drives import refuse_network
from endpoint_shim.windows.kernel import INVALID, close, failure, kernel32
from endpoint_shim.windows.paths import PREFIX, PathPolicy, file_of, in_words, without_prefix

assert sys.platform == "win32"

# CreateFileW: what is wanted, with whom it is shared, and how.
READ_ATTRIBUTES, READ_DATA, SYNCHRONIZE = 0x80, 0x1, 0x100000
SHARE_ALL, OPEN_EXISTING = 7, 3
BACKUP_SEMANTICS, OPEN_REPARSE_POINT = 0x02000000, 0x00200000
# FILE_INFO_BY_HANDLE_CLASS.
BASIC, STANDARD, ATTRIBUTE_TAG, ID_BOTH, ID_BOTH_RESTART = 0, 1, 9, 10, 11
STREAMS = 7
NO_MORE_FILES, END_OF_FILE = 18, 38
NO_STREAMS = (1, 38, 50, 87, 120)
"""None there, or a file system (or a Wine) without."""
MORE, MOST_STREAMS = 234, 4 * 1024 * 1024
QUERY_ALLOCATED_RANGES, RANGES = 0x000940CF, 1024
READ_CONTROL = 0x20000
SAME_ACCESS = 2
LONGEST_PATH = 32_768
BUFFER = 64 * 1024
_STANDARD = struct.Struct("<qqI??2x")


def look(path: str, *, read: bool = False, follow: bool = False) -> int:
    """A handle to what is at a whole path; raises OSError. Nobody else is kept from using it."""
    wanted = READ_ATTRIBUTES | SYNCHRONIZE | (READ_DATA if read else 0)
    return opened(path, wanted, follow=follow)


def opened(path: str, access: int, *, follow: bool = False) -> int:
    """The same for any access."""
    handle = kernel32.CreateFileW(
        PREFIX + path,
        access,
        SHARE_ALL,
        None,
        OPEN_EXISTING,
        BACKUP_SEMANTICS | (0 if follow else OPEN_REPARSE_POINT),
        None,
    )
    if handle in (None, INVALID):
        raise failure()
    return int(handle)


@contextlib.contextmanager
def looked_at(
    path: str, policy: PathPolicy, *, read: bool = False, follow: bool = False
) -> Iterator[tuple[int, str]]:
    """A handle and its real path, both checked by the policy; failures are told in words."""
    policy.check_path(file_of(path))
    refuse_network(path)
    try:
        handle = look(path, read=read, follow=follow)
        try:
            real = real_path(handle, path)
            policy.check_path(file_of(real))
            yield handle, real
        finally:
            close(handle)
    except OSError as error:
        raise in_words(error, path) from error


def facts(handle: int) -> entries.Facts:
    """What is open, whatever its path is by now."""
    size = _STANDARD.unpack(_asked(handle, STANDARD, _STANDARD.size))[1]
    basic = _asked(handle, BASIC, 40)
    tag = 0
    if entries.facts(basic, size, 0).attributes & entries.REPARSE_POINT:
        tag = int.from_bytes(_asked(handle, ATTRIBUTE_TAG, 8)[4:], "little")
    return entries.facts(basic, size, tag)


class _At(ctypes.Structure):
    """OVERLAPPED: where a read begins."""

    _fields_ = (
        ("status", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("offset", ctypes.c_uint64),
        ("event", wintypes.HANDLE),
    )


def read(handle: int, length: int, offset: int) -> bytes:
    """What stands there; not by the C library, which knows no error of a locked range."""
    found = ctypes.create_string_buffer(length)
    count, at = wintypes.DWORD(), _At(offset=offset)
    if not kernel32.ReadFile(handle, found, length, ctypes.byref(count), ctypes.byref(at)):
        if ctypes.get_last_error() == END_OF_FILE:
            return b""
        raise failure()
    return ctypes.string_at(found, count.value)


def allocated(handle: int, offset: int, length: int) -> tuple[list[tuple[int, int]], bool]:
    """Where data begins and ends in a part of an open file; whether there is more of it."""
    asked = ctypes.create_string_buffer(entries.range_of(offset, length))
    found = ctypes.create_string_buffer(RANGES * 16)
    size = wintypes.DWORD()
    whole = kernel32.DeviceIoControl(
        handle, QUERY_ALLOCATED_RANGES, asked, 16, found, len(found), ctypes.byref(size), None
    )
    if not whole and ctypes.get_last_error() != MORE:
        raise failure()
    return entries.ranges(found.raw[: size.value]), not whole


def links(handle: int) -> int:
    return int(_STANDARD.unpack(_asked(handle, STANDARD, _STANDARD.size))[2])


def listed(handle: int) -> Iterator[entries.Facts]:
    """The entries of an open folder, as the file system gives them."""
    wanted = ID_BOTH_RESTART
    while True:
        try:
            data = _asked(handle, wanted, BUFFER)
        except OSError as error:
            if error.winerror == NO_MORE_FILES:
                return
            raise
        yield from (one for one in entries.entries(data) if one.name not in (".", ".."))
        wanted = ID_BOTH


def real_path(handle: int, otherwise: str) -> str:
    """Where it really lies: no link, no 8.3 name; `otherwise` where the system cannot say."""
    found = ctypes.create_unicode_buffer(LONGEST_PATH)
    size = kernel32.GetFinalPathNameByHandleW(handle, found, LONGEST_PATH, 0)
    return without_prefix(found.value) if 0 < size < LONGEST_PATH else otherwise


def streams(handle: int) -> list[tuple[str, int]]:
    """The named streams of an open file and their sizes; none where its system has no such."""
    size = BUFFER
    while True:
        try:
            return list(entries.streams(_asked(handle, STREAMS, size)))
        except OSError as error:
            if error.winerror in NO_STREAMS:
                return []
            if error.winerror != MORE or size >= MOST_STREAMS:
                raise
            size *= 4


def for_control(handle: int) -> int:
    """The very thing again, opened to read who may do what with it."""
    found = kernel32.ReOpenFile(
        handle, READ_CONTROL, SHARE_ALL, BACKUP_SEMANTICS | OPEN_REPARSE_POINT
    )
    if found in (None, INVALID):
        raise failure()
    return int(found)


def identity(handle: int) -> tuple[int, int]:
    """Volume and number, as the same Python's os.stat gives them."""
    fd = descriptor(duplicate(handle))
    try:
        found = os.fstat(fd)
    finally:
        os.close(fd)
    return found.st_dev, found.st_ino


def duplicate(handle: int) -> int:
    found, here = wintypes.HANDLE(), kernel32.GetCurrentProcess()
    if not kernel32.DuplicateHandle(here, handle, here, ctypes.byref(found), 0, False, SAME_ACCESS):
        raise failure()
    return int(found.value or 0)


def descriptor(handle: int) -> int:
    """A descriptor that owns the handle from now on; the handle is closed where it fails."""
    try:
        return msvcrt.open_osfhandle(handle, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT)
    except OSError:
        close(handle)
        raise


def _asked(handle: int, what: int, size: int) -> bytes:
    found = ctypes.create_string_buffer(size)
    if not kernel32.GetFileInformationByHandleEx(handle, what, found, size):
        raise failure()
    return found.raw
