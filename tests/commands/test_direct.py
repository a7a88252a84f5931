"""Bytes past the page cache, and through it where that is not to be had."""

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.language.direct import BLOCK, DirectWriter, SetDirect


def set_direct(descriptor: int, on: bool) -> bool:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)
    return True


PIECES = [b"a" * 65_536, b"b" * (BLOCK - 7), b"", b"c" * (3 * BLOCK), b"end"]


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    yield opened
    os.close(opened)


def written(path: Path, descriptor: int, pieces: list[bytes], way: SetDirect = set_direct) -> bytes:
    told = bytearray()
    writer = DirectWriter(descriptor, way, told.extend)
    for piece in pieces:
        writer.write(piece)
        assert path.read_bytes() == told
    writer.finish()
    assert path.read_bytes() == told
    return bytes(told)


def test_pieces_of_any_size_lie_there_in_order(tmp_path: Path, descriptor: int) -> None:
    assert written(tmp_path / "file", descriptor, PIECES) == b"".join(PIECES)


def test_whole_blocks_need_no_rest(tmp_path: Path, descriptor: int) -> None:
    assert written(tmp_path / "file", descriptor, [bytes(BLOCK)] * 2) == bytes(2 * BLOCK)


def test_nothing_is_an_empty_file(tmp_path: Path, descriptor: int) -> None:
    assert written(tmp_path / "file", descriptor, []) == b""


def test_a_file_system_without_it_is_written_through_the_cache(
    tmp_path: Path, descriptor: int
) -> None:
    def cannot(descriptor: int, on: bool) -> bool:
        return False

    assert written(tmp_path / "file", descriptor, PIECES, cannot) == b"".join(PIECES)


def test_an_alignment_that_is_refused_goes_on_through_the_cache(
    tmp_path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refused = os.write, [True]

    def strict(into: int, data: memoryview) -> int:
        if refused and into == descriptor:
            refused.pop()
            raise OSError(errno.EINVAL, "unaligned")
        return real(into, data)

    monkeypatch.setattr(os, "write", strict)
    assert written(tmp_path / "file", descriptor, PIECES) == b"".join(PIECES)
    assert not refused


def test_a_full_disk_tells_exactly_what_lies_there(
    tmp_path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, told, left = os.write, bytearray(), [4096]

    def full(into: int, data: memoryview) -> int:
        if not left:
            raise OSError(errno.ENOSPC, "no space")
        return real(into, data[: left.pop()])

    monkeypatch.setattr(os, "write", full)
    writer = DirectWriter(descriptor, set_direct, told.extend)
    with pytest.raises(OSError, match="no space"):
        writer.write(b"x" * BLOCK)
    assert (tmp_path / "file").read_bytes() == told == b"x" * 4096


@pytest.mark.parametrize("way", [set_direct, lambda descriptor, on: False])
@pytest.mark.parametrize("size", [1, 4096, 3 * BLOCK, 3 * BLOCK + 5])
@pytest.mark.parametrize("before", [b"", b"a" * 7, b"b" * 8192, b"c" * (BLOCK + 1)])
def test_a_hole_lies_behind_what_was_taken_before_it(
    tmp_path: Path, descriptor: int, before: bytes, size: int, way: SetDirect
) -> None:
    told = bytearray()
    writer = DirectWriter(descriptor, way, told.extend)
    writer.write(before)
    writer.skip(size)
    assert bytes(told) == before and (tmp_path / "file").read_bytes() == before + bytes(size)
    writer.write(b"d" * (BLOCK + 3))
    assert bytes(writer.waiting) == b"ddd"
    writer.finish()
    assert (tmp_path / "file").read_bytes() == before + bytes(size) + b"d" * (BLOCK + 3)
