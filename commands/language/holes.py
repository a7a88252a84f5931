"""Zeros of a file that take no place on a disk: told by their number, never sent, hashed like all.

The digest of a file is that of its whole content, so both sides hash what neither of them sends:
in pieces, so that whoever waits for a thread, or for the end, does not wait for the whole file.
"""

from typing import Protocol

HOLE = 64 << 20
"""The most that is told, and hashed, at once."""
LEAST = 64 << 10
"""What is shorter is sent as the zeros that it is."""
_ZEROS = bytes(1 << 20)


class Digest(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes, /) -> None: ...


def hash_zeros(digest: Digest, size: int) -> None:
    """Adds `size` zeros; for a thread."""
    for _ in range(size // len(_ZEROS)):
        digest.update(_ZEROS)
    digest.update(_ZEROS[: size % len(_ZEROS)])
