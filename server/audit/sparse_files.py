"""Evidence that may have holes: hashed without reading what takes no place. For threads."""

import errno
import hashlib
import os

from commands.language.holes import hash_zeros

PIECE = 1 << 20


def run_at(descriptor: int, at: int, end: int) -> tuple[int, bool]:
    """Where the data, or the hole, that begins at `at` ends; and whether it is a hole."""
    try:
        data = os.lseek(descriptor, at, os.SEEK_DATA)
    except OSError as error:
        return end, error.errno == errno.ENXIO  # no data follows, or nothing is known of holes
    if data > at:
        return min(data, end), True
    return min(os.lseek(descriptor, at, os.SEEK_HOLE), end), False


def end_of_data(descriptor: int) -> int:
    """Where the last hole of an open file begins, if it ends with one, else its size."""
    at, last, size = 0, 0, os.fstat(descriptor).st_size
    while at < size:
        at, hole = run_at(descriptor, at, size)
        last = last if hole else at
    return last


def sha256_of(descriptor: int) -> str:
    """The digest of all of an open file, its holes as the zeros that they are."""
    digest, at, size = hashlib.sha256(), 0, os.fstat(descriptor).st_size
    while at < size:
        stop, hole = run_at(descriptor, at, size)
        if hole:
            hash_zeros(digest, stop - at)
            at = stop
        elif data := os.pread(descriptor, min(PIECE, stop - at), at):
            digest.update(data)
            at += len(data)
        else:
            break
    return digest.hexdigest()
