"""Field reports k12: files that are not plain files, each taken whole or refused by name."""

import hashlib
import os
import re
from pathlib import Path

import pytest

from tests.journeys.field import DEVICE, Field

pytestmark = pytest.mark.needs("ssh")
MIB = 1 << 20


def evidence(field: Field, out: str) -> Path:
    """Where the file lies that a getfile said it took."""
    place = re.search(r"^sftp   /(evidence/\S+)$", out, re.MULTILINE)
    assert place is not None, out
    return field.house.home / place[1]


def sparse(path: Path, size: int, data: dict[int, bytes]) -> str:
    """A file with pieces of data at offsets; the digest of all of it."""
    with path.open("wb") as file:
        for at, piece in data.items():
            file.seek(at)
            file.write(piece)
        file.truncate(size)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize(
    "mib", [512, pytest.param(64 << 10, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])]
)
def test_sparse_huge_only_its_data_is_sent_and_counts(
    field: Field, tmp_path: Path, mib: int
) -> None:
    """A journal came incomplete elsewhere. That its holes count for nothing: test_budgets.py."""
    size, end = mib * MIB, b"u" * (8 * MIB)
    digest = sparse(tmp_path / "journal.bin", size, {size - len(end): end})
    ran = field.house.run(f"on {DEVICE} getfile {tmp_path}/journal.bin", limit=60 + mib // 40)
    assert ran.status == 0, ran
    holes = size - len(end)
    assert f"journal.bin taken: {size:,} bytes, {holes:,} of them holes, same digest" in ran.out
    assert f"sha256 {digest}" in ran.out
    kept = evidence(field, ran.out)
    assert (kept.stat().st_size, kept.stat().st_blocks * 512) == (size, len(end))
    status, said = field.house.admin(f"verify {kept.parent.name}")
    assert status == 0 and "1 file same" in said, said


@pytest.mark.parametrize(
    ("name", "size", "data"),
    [
        ("hole at the end", 40 * MIB, {0: b"a" * 5000}),
        ("nothing but hole", 40 * MIB, {}),
        ("holes of every length", 40 * MIB, {at * at * 4096: b"b" * 4096 for at in range(1, 90)}),
        ("odd length", 40 * MIB + 123, {70_000: b"c", 20 * MIB + 77: b"d" * 100_000}),
    ],
)
def test_sparse_files_come_equal_to_the_byte_and_stay_sparse(
    field: Field, tmp_path: Path, name: str, size: int, data: dict[int, bytes]
) -> None:
    digest = sparse(tmp_path / "file", size, data)
    ran = field.on(f"getfile {tmp_path}/file")
    assert ran.status == 0 and f"sha256 {digest}" in ran.out, ran
    kept = evidence(field, ran.out)
    with kept.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    assert kept.stat().st_blocks * 512 <= (tmp_path / "file").stat().st_blocks * 512 + 6 * MIB


def test_proc_zero_is_read_to_its_end(field: Field) -> None:
    ran = field.on("getfile /proc/sys/kernel/hostname")
    assert ran.status == 0, ran
    kept = evidence(field, ran.out)
    assert kept.read_bytes() == Path("/proc/sys/kernel/hostname").read_bytes() != b""
    assert f"hostname taken: {kept.stat().st_size} bytes, same digest" in ran.out


def test_an_empty_file_is_a_file_of_the_evidence(field: Field, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    ran = field.on(f"getfile {tmp_path}/empty")
    assert ran.status == 0 and "empty taken: 0 bytes, same digest" in ran.out
    assert evidence(field, ran.out).read_bytes() == b""
    assert hashlib.sha256().hexdigest() in ran.out


def test_a_device_node_and_a_pipe_are_refused_by_what_they_are(
    field: Field, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in (("/dev/zero", "a character device"), (f"{tmp_path}/pipe", "a pipe")):
        ran = field.on(f"getfile {path}")
        assert ran.status == 3, ran
        assert f"{path} is {kind}, not a plain file; only plain files are taken" in ran.err
