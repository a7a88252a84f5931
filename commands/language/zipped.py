"""The few structures of a zip file that a package is made of (APPNOTE 6.3.10); pure.

1. A member's sizes and CRC stand before its bytes, so that a package that is cut off is good up to
   there. Only what is larger than a device may hold back is followed by them instead
   (`streamed`): deflate tells its own end.
2. Times are UTC, names UTF-8. Every member carries the number of its data point (`POINT`).
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LOCAL, DESCRIPTOR, CENTRAL = b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02"
END, END_64, LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
HEADER = struct.Struct("<4sHHHHHIIIHH")
AFTER = struct.Struct("<4sIQQ")
EXTRA = struct.Struct("<HH")
DEFLATED = 8
FOLLOWED, UTF8 = 0x8, 0x800
ZIP64, TIMES, POINT = 0x1, 0x5455, 0x4C46
FULL, FULL_COUNT = 0xFFFFFFFF, 0xFFFF
NEEDS, NEEDS_64 = 20, 45
MADE_BY = 3 << 8 | NEEDS_64
"""By Unix: the upper half of the attributes is a mode."""
MODE = (0o100600 << 16) & FULL
LONGEST_NAME = 1024
FIRST_YEAR = 1980
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PLAN, INCOMPLETE, SUMMARY = "DataPoints.txt", "INCOMPLETE.txt", "CollectionSummaryReport"
MANIFEST, DIGESTS, SIGNATURE = "MANIFEST.json", "MANIFEST.sha256", "MANIFEST.sha256.sig"
RESERVED = (PLAN, INCOMPLETE, f"{SUMMARY}.csv", f"{SUMMARY}.xls", MANIFEST, DIGESTS, SIGNATURE)
"""Members of the package's own, at its top."""


@dataclass
class Entry:
    """One member. `packed` and `crc` of a streamed one are known once it has been sent."""

    name: str
    point: int
    size: int = 0
    packed: int = 0
    crc: int = 0
    modified: int = 0
    """Seconds since 1970."""
    streamed: bool = False
    at: int = 0
    """Where its header stands."""

    @property
    def seconds(self) -> int:
        """The time as both of its fields can hold it: what is read back gives the same bytes."""
        return max(-(2**31), min(self.modified, 2**31 - 1))

    @property
    def length(self) -> int:
        """All that it takes in the file."""
        return len(header(self)) + self.packed + (AFTER.size if self.streamed else 0)


def header(entry: Entry) -> bytes:
    """What stands before a member's bytes."""
    name, extra = entry.name.encode(), _extra(entry)
    crc, packed, size = entry.crc, entry.packed, entry.size
    large = entry.streamed or max(packed, size) >= FULL
    if large:
        # Where they are still to come, this form says that they will be of eight bytes each.
        numbers = (0, 0) if entry.streamed else (size, packed)
        extra = EXTRA.pack(ZIP64, 16) + struct.pack("<QQ", *numbers) + extra
        packed = size = FULL
    if entry.streamed:
        crc = 0
    flags = UTF8 | (FOLLOWED if entry.streamed else 0)
    needs = NEEDS_64 if large else NEEDS
    return (
        HEADER.pack(
            *(LOCAL, needs, flags, DEFLATED, *_dos(entry.seconds)),
            *(crc, packed, size, len(name), len(extra)),
        )
        + name
        + extra
    )


def following(entry: Entry) -> bytes:
    """What stands after the bytes of a streamed member."""
    return AFTER.pack(DESCRIPTOR, entry.crc, entry.packed, entry.size)


def central(entries: list[Entry], at: int) -> bytes:
    """The end of the file: its directory, which begins at `at`."""
    directory = b"".join(map(listed, entries))
    return directory + end(len(entries), len(directory), at)


def end(count: int, size: int, at: int) -> bytes:
    """What stands after the directory: so many members, so many bytes, from there on."""
    end = b""
    if count >= FULL_COUNT or at >= FULL or size >= FULL:
        end += struct.pack(
            "<4sQHHIIQQQQ", END_64, 44, MADE_BY, NEEDS_64, 0, 0, count, count, size, at
        )
        end += struct.pack("<4sIQI", LOCATOR_64, 0, at + size, 1)
    few = min(count, FULL_COUNT)
    return end + struct.pack("<4sHHHHIIH", END, 0, 0, few, few, min(size, FULL), min(at, FULL), 0)


def listed(entry: Entry) -> bytes:
    """A member in the directory; numbers too large for their field stand in its extra field."""
    large = [n for n in (entry.size, entry.packed, entry.at) if n >= FULL]
    extra = _extra(entry)
    if large:
        extra = EXTRA.pack(ZIP64, 8 * len(large)) + struct.pack(f"<{len(large)}Q", *large) + extra
    name = entry.name.encode()
    flags = UTF8 | (FOLLOWED if entry.streamed else 0)
    needs = NEEDS_64 if entry.streamed or large else NEEDS
    return (
        struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            *(CENTRAL, MADE_BY, needs, flags, DEFLATED, *_dos(entry.seconds), entry.crc),
            *(min(entry.packed, FULL), min(entry.size, FULL), len(name), len(extra)),
            *(0, 0, 0, MODE, min(entry.at, FULL)),
        )
        + name
        + extra
    )


def _extra(entry: Entry) -> bytes:
    """The time to the second in UTC, which the format itself lacks; and the data point."""
    times = EXTRA.pack(TIMES, 5) + struct.pack("<Bi", 1, entry.seconds)
    return times + EXTRA.pack(POINT, 2) + struct.pack("<H", min(entry.point, FULL_COUNT))


def _dos(seconds: int) -> tuple[int, int]:
    """Time and date as DOS has them, which knows none before 1980; pure arithmetic, for Windows'
    own `fromtimestamp` knows none before 1970."""
    at = EPOCH + timedelta(seconds=seconds)
    if at.year < FIRST_YEAR:
        return 0, 1 << 5 | 1
    time = at.hour << 11 | at.minute << 5 | at.second // 2
    return time, (at.year - FIRST_YEAR) << 9 | at.month << 5 | at.day
