"""A zip by its few structures, read by Python's zipfile and by Info-ZIP."""

import io
import subprocess
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from commands.language.zipped import Entry, central, following, header

FOUR_GIB = 1 << 32


def packed(data: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def made(*members: tuple[str, bytes, bool]) -> bytes:
    out, entries = b"", []
    for number, (name, data, streamed) in enumerate(members):
        bytes_ = packed(data)
        entry = Entry(name, number, modified=1_700_000_001, streamed=streamed, at=len(out))
        if streamed:
            out += header(entry)
            entry.size, entry.packed, entry.crc = len(data), len(bytes_), zlib.crc32(data)
            out += bytes_ + following(entry)
        else:
            entry.size, entry.packed, entry.crc = len(data), len(bytes_), zlib.crc32(data)
            out += header(entry) + bytes_
        entries.append(entry)
    return out + central(entries, len(out))


def test_members_whose_numbers_stand_before_or_behind_them_are_both_read(tmp_path: Path) -> None:
    data = made(
        ("a/b c.txt", b"before", False), ("ü.txt", b"behind" * 1000, True), ("e", b"", False)
    )
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert found.testzip() is None
        assert [one.filename for one in found.infolist()] == ["a/b c.txt", "ü.txt", "e"]
        assert found.read("ü.txt") == b"behind" * 1000
        assert found.infolist()[0].date_time == (2023, 11, 14, 22, 13, 20)
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    if Path("/usr/bin/unzip").exists():
        assert subprocess.run(["unzip", "-tq", path], capture_output=True).returncode == 0


def test_numbers_of_more_than_four_gib_stand_in_the_large_form() -> None:
    entry = Entry("large", 1, FOUR_GIB + 5, 10, 0, at=FOUR_GIB + 7)
    with_size = central([entry], FOUR_GIB + 900)
    directory = zipfile.ZipFile(io.BufferedReader(_Sparse(with_size, FOUR_GIB + 900)))
    (found,) = directory.infolist()
    assert (found.file_size, found.compress_size) == (FOUR_GIB + 5, 10)
    assert found.header_offset == FOUR_GIB + 7


class _Sparse(io.RawIOBase):
    """A file whose beginning is a hole: only its end is held."""

    def __init__(self, end: bytes, at: int) -> None:
        self._end, self._at, self._here = end, at, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._here

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._here, self._at + len(self._end))[whence]
        self._here = start + offset
        return self._here

    def readinto(self, into: Any) -> int:
        begin = self._here - self._at
        data = self._end[begin : begin + len(into)]
        into[: len(data)] = data
        self._here += len(data)
        return len(data)


@pytest.mark.parametrize("seconds", [-(2**40), -1, 0, 2**33, 2**50])
def test_a_time_outside_of_any_calendar_makes_a_zip_all_the_same(seconds: int) -> None:
    entry = Entry("x", 1, modified=seconds)
    assert len(header(entry)) > 30


@pytest.mark.parametrize("seconds", [-(2**62), -(10**9), 0, 2**31 - 1, 2**31, 7 * 10**9, 2**62])
def test_a_time_that_was_read_back_gives_the_same_bytes(seconds: int) -> None:
    first = Entry("a", 1, modified=seconds)
    again = Entry("a", 1, modified=first.seconds)
    assert header(first) == header(again)
    assert central([first], 0) == central([again], 0)
