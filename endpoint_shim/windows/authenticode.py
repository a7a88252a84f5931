"""The digest by which App Control knows a program: Authenticode's, of a PE image; pure.

"Windows Authenticode Portable Executable Signature Format", calculating the image hash: all of the
file but its checksum, the entry that says where its signatures lie, and the signatures. So it is
the same for a file before and after it was signed.
"""

import hashlib
import struct
from collections.abc import Callable

from commands.language.errors import Failed

MZ, PE = b"MZ", b"PE\0\0"
OPTIONAL_AT, CHECKSUM_AT = 24, 64
# Of IMAGE_OPTIONAL_HEADER's magic: where its data directories begin. The fifth is the signatures'.
DIRECTORIES_AT = {0x10B: 96, 0x20B: 112}
SIGNATURES, ENTRY = 4, 8
PIECE = 1 << 20
HEAD = 4096

Read = Callable[[int, int], bytes]
"""Bytes of the file: from where, how many; fewer at its end."""


def is_image(head: bytes) -> bool:
    return head[:2] == MZ


def sha256(read: Read, size: int) -> str:
    """The digest; raises Failed for a file that is no PE image."""
    checksum, entry = _places(read(0, HEAD))
    at, length = struct.unpack("<II", read(entry, ENTRY).ljust(ENTRY, b"\0"))
    end = at if at and at + length <= size else size
    digest = hashlib.sha256()
    parts = ((0, checksum), (checksum + 4, entry), (entry + ENTRY, end), (at + length, size))
    for start, stop in parts if end != size else parts[:3]:
        while start < stop and (piece := read(start, min(PIECE, stop - start))):
            digest.update(piece)
            start += len(piece)
    return digest.hexdigest()


def _places(head: bytes) -> tuple[int, int]:
    """Where the checksum is, and the directory's entry for the signatures."""
    if not is_image(head) or len(head) < 64:
        raise Failed("it is no Windows program")
    (at,) = struct.unpack_from("<I", head, 60)
    optional = at + OPTIONAL_AT
    if head[at : at + 4] != PE or optional + 2 > len(head):
        raise Failed("it is no Windows program")
    (magic,) = struct.unpack_from("<H", head, optional)
    if magic not in DIRECTORIES_AT:
        raise Failed("it is no Windows program")
    return optional + CHECKSUM_AT, optional + DIRECTORIES_AT[magic] + SIGNATURES * ENTRY
