"""What the kernel says of files, as bytes, and what stands in it; pure.

A folder's entries come as FILE_ID_BOTH_DIR_INFO records (winbase.h): names are UTF-16 units as the
file system holds them, times are FILETIMEs that may lie outside any calendar.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

READ_ONLY, HIDDEN, DIRECTORY, SPARSE = 0x1, 0x2, 0x10, 0x200
REPARSE_POINT, COMPRESSED = 0x400, 0x800
SYMLINK, MOUNT_POINT = 0xA000000C, 0xA0000003
LINKS = 0x20000000
"""In the tag of whatever stands for another thing (winnt.h, IsReparseTagNameSurrogate)."""
SPECIAL = {0x80000023: "socket", 0x80000024: "pipe", 0x80000025: "character", 0x80000026: "block"}
"""Tags of the Linux files that WSL makes."""
OFFLINE, RECALL_ON_OPEN, RECALL_ON_DATA_ACCESS = 0x1000, 0x40000, 0x400000
ELSEWHERE = OFFLINE | RECALL_ON_OPEN | RECALL_ON_DATA_ACCESS
_ENTRY = struct.Struct("<I4xqqqqq8xIII")
_NAME_AT = 104
_RANGE = struct.Struct("<qq")
_STREAM = struct.Struct("<IIqq")
_BASIC = struct.Struct("<qqqqI4x")


@dataclass(frozen=True)
class Facts:
    """A file's facts; times are FILETIMEs."""

    name: str
    created: int
    accessed: int
    written: int
    changed: int
    size: int
    attributes: int
    tag: int

    @property
    def is_elsewhere(self) -> bool:
        """A placeholder: its content would have to be fetched from elsewhere first."""
        return bool(self.attributes & ELSEWHERE)

    @property
    def is_sparse(self) -> bool:
        """What was never written of it may take no place."""
        return bool(self.attributes & SPARSE)

    @property
    def is_directory(self) -> bool:
        return bool(self.attributes & DIRECTORY) and self.kind != "link"

    @property
    def is_link_to_folder(self) -> bool:
        return bool(self.attributes & DIRECTORY) and self.kind == "link"

    @property
    def kind(self) -> str:
        """Other reparse points (cloud files, deduplicated ones) are files with something behind."""
        if self.attributes & REPARSE_POINT:
            # A tag of 0 says nothing, and Wine has it for links.
            if self.tag & LINKS or not self.tag:
                return "link"
            if self.tag in SPECIAL:
                return SPECIAL[self.tag]
        return "directory" if self.attributes & DIRECTORY else "file"


def entries(data: bytes) -> Iterator[Facts]:
    """The entries in a buffer, `.` and `..` too."""
    at = 0
    while True:
        found = _ENTRY.unpack_from(data, at)
        following, created, accessed, written, changed, size, attributes, length, tag = found
        start = at + _NAME_AT
        name = data[start : start + length].decode("utf-16-le", "surrogatepass")
        yield Facts(name, created, accessed, written, changed, size, attributes, tag)
        if not following:
            return
        at += following


def streams(data: bytes) -> Iterator[tuple[str, int]]:
    """The named streams in FILE_STREAM_INFO records, with their sizes; not the file's own."""
    at = 0
    while at + _STREAM.size <= len(data):
        following, length, size, _ = _STREAM.unpack_from(data, at)
        start = at + _STREAM.size
        name = data[start : start + length].decode("utf-16-le", "surrogatepass")
        _, _, called = name.removesuffix(":$DATA").partition(":")
        if called and name.endswith(":$DATA"):
            yield called, max(0, size)
        if not following:
            return
        at += following


def range_of(offset: int, length: int) -> bytes:
    """A FILE_ALLOCATED_RANGE_BUFFER (winioctl.h), as one asks by it."""
    return _RANGE.pack(offset, length)


def ranges(data: bytes) -> list[tuple[int, int]]:
    """Those of an answer: where each begins and where it ends."""
    whole = len(data) // _RANGE.size * _RANGE.size
    return [(at, at + size) for at, size in _RANGE.iter_unpack(data[:whole])]


def facts(basic: bytes, size: int, tag: int) -> Facts:
    """Of FILE_BASIC_INFO, the size and the reparse tag of an open handle."""
    created, accessed, written, changed, attributes = _BASIC.unpack(basic)
    return Facts("", created, accessed, written, changed, size, attributes, tag)
