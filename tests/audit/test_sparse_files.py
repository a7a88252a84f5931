"""A file with holes has the digest of its whole content, and an end of its data."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.audit.sparse_files import end_of_data, run_at, sha256_of

MIB = 1 << 20


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    yield opened
    os.close(opened)


@pytest.mark.parametrize(
    ("data", "size", "end"),
    [
        ({}, 0, 0),
        ({}, 9 * MIB + 5, 0),
        ({0: b"a" * 10}, 10, 10),
        ({0: b"a" * 4096}, 9 * MIB, 4096),
        ({3 * MIB: b"b" * 4096, 6 * MIB: b"c" * 8192}, 9 * MIB + 1, 6 * MIB + 8192),
        ({8 * MIB: b"d" * (2 * MIB + 7)}, 10 * MIB + 7, 10 * MIB + 7),
    ],
)
def test_the_digest_is_that_of_all_and_the_data_ends_where_the_last_hole_begins(
    tmp_path: Path, descriptor: int, data: dict[int, bytes], size: int, end: int
) -> None:
    for at, piece in data.items():
        os.pwrite(descriptor, piece, at)
    os.ftruncate(descriptor, size)
    assert sha256_of(descriptor) == hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()
    assert end_of_data(descriptor) == end


def test_a_run_ends_where_the_other_kind_begins_or_where_one_looks_no_further(
    descriptor: int,
) -> None:
    os.pwrite(descriptor, b"x" * MIB, 4 * MIB)
    os.ftruncate(descriptor, 9 * MIB)
    assert run_at(descriptor, 0, 9 * MIB) == (4 * MIB, True)
    assert run_at(descriptor, MIB, 2 * MIB) == (2 * MIB, True)
    assert run_at(descriptor, 4 * MIB, 9 * MIB) == (5 * MIB, False)
    assert run_at(descriptor, 5 * MIB, 9 * MIB) == (9 * MIB, True)
