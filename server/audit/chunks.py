"""The form of recordings and result files: chunks, each chained to the one before.

1. A chunk is header (kind u8, terminal u16, milliseconds u64, length u32, big-endian), payload,
   and 32 bytes sha256(the chain before it + header + payload).
2. A file's chain begins with sha256 of what the file is, so no file can stand for another.
3. Chunks are only appended, each with one write.
4. A tail that is no whole chunk is *torn*; a whole chunk that does not chain is *damaged*.
"""

import hashlib
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final, NamedTuple

HEADER: Final = Struct(">BHQI")
CHAIN: Final = 32
COMMIT: Final = Struct(">Q32s")
SIZE: Final = Struct(">HH")
COUNT: Final = Struct(">Q")
PAYLOAD_LIMIT: Final = 16 << 20
READ: Final = 1 << 20


class Kind(IntEnum):
    """What a chunk holds. Numbers are never reused."""

    # A recording.
    OUTPUT = 1
    INPUT = 2
    RESIZE = 3  # SIZE: columns, rows
    MARKER = 4  # text: "#12 getfile"
    QUIET = 5  # COUNT: so many bytes typed while the terminal did not echo
    GAP = 6  # text
    AWAY = 7  # text
    BACK = 8  # text
    FILE = 9  # JSON: what SFTP read, wrote or listed
    COMMIT = 10  # COMMIT: durable up to this offset, where the chain was this
    RECOVERED = 11  # JSON: offset, head, bytes beyond the last commit, bytes cut
    MASKED_INPUT = 12  # COUNT: so many bytes typed at a masked question of the console
    OPENED = 13  # JSON: session, started; always the first
    # A result file.
    ROW = 32  # JSON
    STDOUT = 33
    STDERR = 34
    NOTE = 36  # text


_KINDS: Final = {int(kind): kind for kind in Kind}


class Chunk(NamedTuple):
    """One chunk of a file; `end` is the offset after it, `chain` the chain there."""

    kind: Kind
    terminal: int
    ms: int
    data: bytes
    end: int
    chain: bytes


class Tail(NamedTuple):
    """Where reading stopped: the last good offset and chain there, and why it stopped."""

    end: int
    chain: bytes
    what: str  # "" at the end of the file, "torn", or "changed"


def name_of(path: Path) -> str:
    """What a file is, from its place: `S1044`, or `S1044#12` for a result."""
    return path.stem if path.suffix == ".rec" else f"{path.parent.name}#{path.stem}"


def genesis(name: str) -> bytes:
    """The chain before the first chunk of the file that is `name`."""
    return hashlib.sha256(b"fireline chunks 1\n" + name.encode()).digest()


def pack(kind: int, terminal: int, ms: int, data: bytes, chain: bytes) -> tuple[bytes, bytes]:
    """One chunk's bytes, and the chain after it."""
    head = HEADER.pack(kind, terminal, ms, len(data))
    after = _chained(chain, head, data)
    return b"".join((head, data, after)), after


def _chained(before: bytes, head: bytes, data: bytes) -> bytes:
    return hashlib.sha256(b"".join((before, head, data))).digest()


class Reader:
    """Walks a file's whole chunks; `tail` says where and why it stopped. Works on a live file.

    With `past_damage` a chunk that does not chain is kept in `damage` and walked over, as far as
    its length lets the next one be found.
    """

    def __init__(self, path: Path, *, past_damage: bool = False) -> None:
        self.path = path
        self.tail = Tail(0, genesis(name_of(path)), "")
        self.damage: list[Chunk] = []
        self._past_damage = past_damage

    def __iter__(self) -> Iterator[Chunk]:
        with self.path.open("rb", buffering=READ) as file:
            file.seek(self.tail.end)
            while (chunk := self._next(file)) is not None:
                yield chunk

    def _next(self, file: BinaryIO) -> Chunk | None:
        at, before, _ = self.tail
        head = file.read(HEADER.size)
        if len(head) < HEADER.size:
            self._stop("torn" if head else "")
            return None
        number, terminal, ms, length = HEADER.unpack(head)
        kind = _KINDS.get(number)
        if length > PAYLOAD_LIMIT or kind is None:
            self._stop("changed")
            return None
        rest = file.read(length + CHAIN)
        if len(rest) < length + CHAIN:
            self._stop("torn")
            return None
        data, stored = rest[:length], rest[length:]
        end = at + HEADER.size + length + CHAIN
        chunk = Chunk(kind, terminal, ms, data, end, stored)
        if _chained(before, head, data) != stored:
            if not self._past_damage:
                self._stop("changed")
                return None
            self.damage.append(chunk)
        self.tail = Tail(end, stored, "")
        return chunk

    def _stop(self, what: str) -> None:
        self.tail = self.tail._replace(what=what)
