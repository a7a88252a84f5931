"""A package, read as strictly as it is written; one that was cut off, made a valid zip of what came
whole.

1. Its members are read in order, as long as each begins with exactly the header that a shim writes
   and its bytes are all there. What follows is cut away; INCOMPLETE.txt and the directory are
   written behind.
2. The bytes are a device's: every number is bounded before it is used, and a name that could leave
   the folder it is opened in, or that two members share, ends the reading.
3. Each member is unpacked, in pieces and at most UNPACKED of them all: its size and CRC must be
   what its header says. One that was too large to hold back says so behind its bytes, and where
   these end, deflate itself tells.
4. Doing it twice changes nothing: a broker that is killed meanwhile does it again at its start.
"""

import hashlib
import os
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from commands.language import zipped
from commands.language.visible import is_clean, visible_bytes
from commands.language.zipped import Entry

PIECE = 1 << 20
UNPACKED = 1 << 36
MOST_MEMBERS = 65_000
LONGEST_EXTRA = 256
LONGEST_PLAN = 4 << 20
_PART = re.compile(r'[^<>:"\\|?*/]*[^<>:"\\|?*/. ]')


def is_whole(path: Path) -> bool:
    """Whether a package is to its last byte what a shim writes: nothing else is called one."""
    with path.open("rb") as file:
        reader = _Reader(file)
        reader.read()
        end = zipped.central(reader.entries, reader.end)
        file.seek(reader.end)
        names = [entry.name for entry in reader.entries]
        signed = names[:1] == [zipped.PLAN] and names[-1] == zipped.SIGNATURE
        return signed and file.read(len(end) + 1) == end


class Closed(NamedTuple):
    """The file as it is now."""

    size: int
    sha256: str
    members: int


def close_package(path: Path) -> Closed:
    """Cuts what came of a package to a valid zip, on the disk before it returns."""
    with path.open("r+b") as file:
        reader = _Reader(file)
        reader.read()
        entries, digest, at = reader.entries, reader.digest, reader.end
        note = _said(entries, reader.plan())
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(note) + packer.flush()
        last = Entry(zipped.INCOMPLETE, 0, len(note), len(packed), zlib.crc32(note), at=at)
        last.modified = entries[0].modified if entries else 0
        end = zipped.header(last) + packed
        end += zipped.central([*entries, last], at + len(end))
        file.truncate(at)
        file.seek(at)
        file.write(end)
        file.flush()
        os.fsync(file.fileno())
        digest.update(end)
        return Closed(at + len(end), digest.hexdigest(), len(entries))


class _Found(NamedTuple):
    """The numbers of a member's bytes."""

    size: int
    packed: int
    crc: int


class _NotWhole(Exception):
    """What stands here is no whole member."""


class _Reader:
    """From the file's beginning to the end of its last whole member."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.end = 0
        self.entries: list[Entry] = []
        self.digest = hashlib.sha256()
        """Of all before `end`."""
        self._left = UNPACKED
        self._names: set[str] = set()

    def read(self) -> None:
        while len(self.entries) < MOST_MEMBERS:
            before = self.digest.copy()
            try:
                entry = self._member()
            except (_NotWhole, zlib.error):
                self.digest = before
                return
            self.entries.append(entry)
            self.end = self._file.tell()

    def plan(self) -> list[str]:
        """The lines of the package's first member, which says what it was to hold."""
        if not self.entries or self.entries[0].name != zipped.PLAN:
            return []
        self._file.seek(len(zipped.header(self.entries[0])))
        packed = self._file.read(min(self.entries[0].packed, LONGEST_PLAN))
        try:
            text = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, LONGEST_PLAN)
        except zlib.error:
            return []  # whole by its numbers alone: no plan is better than a wrong one
        return [visible_bytes(line, keep="\t") for line in text.splitlines()]

    def _member(self) -> Entry:
        entry = self._header()
        entry.at = self.end
        # One that was closed before has this name: it is said anew.
        if entry.name.casefold() in self._names or entry.name == zipped.INCOMPLETE:
            raise _NotWhole
        begin, found = self._file.tell(), self._unpacked(entry)
        self._file.seek(begin)
        self._skip(found.packed)
        if entry.streamed:
            entry.size, entry.packed, entry.crc = found
            if self._taken(zipped.AFTER.size) != zipped.following(entry):
                raise _NotWhole
        elif found != (entry.size, entry.packed, entry.crc):
            raise _NotWhole
        self._names.add(entry.name.casefold())
        return entry

    def _header(self) -> Entry:
        fixed = self._taken(zipped.HEADER.size)
        *_, flags, _, _, _, crc, packed, size, named, more = zipped.HEADER.unpack(fixed)
        if named > zipped.LONGEST_NAME or more > LONGEST_EXTRA:
            raise _NotWhole
        name, extra = self._taken(named), self._taken(more)
        entry = Entry(_name(name), 0, size, packed, crc, streamed=bool(flags & zipped.FOLLOWED))
        _read_extra(entry, extra)
        if fixed + name + extra != zipped.header(entry):
            raise _NotWhole
        return entry

    def _unpacked(self, entry: Entry) -> _Found:
        """What its bytes are, to the end that deflate itself tells."""
        unpacker, begin = zlib.decompressobj(-zlib.MAX_WBITS), self._file.tell()
        size = crc = 0
        while not unpacker.eof:
            data = unpacker.unconsumed_tail or self._file.read(PIECE)
            if not data:
                raise _NotWhole
            made = unpacker.decompress(data, PIECE)
            size, crc = size + len(made), zlib.crc32(made, crc)
            self._left -= len(made)
            if self._left < 0 or (not entry.streamed and size > entry.size):
                raise _NotWhole
        return _Found(size, self._file.tell() - len(unpacker.unused_data) - begin, crc)

    def _skip(self, size: int) -> None:
        while size:
            size -= len(self._taken(min(PIECE, size)))

    def _taken(self, size: int) -> bytes:
        """So many bytes, which count."""
        data = self._file.read(size)
        if len(data) < size:
            raise _NotWhole
        self.digest.update(data)
        return data


def _name(data: bytes) -> str:
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _NotWhole from None
    if not is_clean(name) or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise _NotWhole
    return name


def _read_extra(entry: Entry, extra: bytes) -> None:
    """What a header's extra field says; that it says no more is seen by writing it again."""
    at = 0
    while at + zipped.EXTRA.size <= len(extra):
        kind, size = zipped.EXTRA.unpack_from(extra, at)
        data = extra[at + zipped.EXTRA.size :][:size]
        at += zipped.EXTRA.size + size
        try:
            if kind == zipped.ZIP64 and not entry.streamed:
                entry.size, entry.packed = struct.unpack("<QQ", data)
            elif kind == zipped.TIMES:
                entry.modified = struct.unpack("<Bi", data)[1]
            elif kind == zipped.POINT:
                entry.point = struct.unpack("<H", data)[0]
        except struct.error:
            raise _NotWhole from None


def _said(entries: list[Entry], plan: list[str]) -> bytes:
    """INCOMPLETE.txt."""
    there = {entry.point for entry in entries}
    reached = max(there, default=0)
    lines = [
        "This package is incomplete: it was cut off while it came.",
        f"{len(entries)} members came whole and are here, up to data point {reached} of "
        f"{len(plan)}; of that one more files may be missing.",
        "The device has not signed it. The broker's journal has the digest of this zip.",
        "",
    ]
    for title, missing in (
        ("Not collected:", [line for number, line in enumerate(plan, 1) if number > reached]),
        (
            "Before that, no file came of:",
            [line for number, line in enumerate(plan[:reached], 1) if number not in there],
        ),
    ):
        lines += [title, *(f"  {line}" for line in missing or ["nothing"]), ""]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "backslashreplace")
