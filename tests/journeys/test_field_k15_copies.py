"""Field reports of kind k15: sftp, scp and rsync through a gateway.

`sftp-only` and `empty-dir-scp` are held by test_sftp.py and test_sftp_writing.py, `rsync-exec` by
the device's own door; here are the others.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.journeys.files_demo import Demo, demo
from tests.journeys.test_sftp_writing import changes

__all__ = ["demo"]  # the fixture

pytestmark = pytest.mark.needs("ssh", "sftp", "scp")
MIB = 1 << 20


@pytest.mark.parametrize("folder", ["/library", ""])
@pytest.mark.parametrize("old", [False, True])
def test_setstat_after_a_put_is_answered_well(
    demo: Demo, tmp_path: Path, folder: str, old: bool
) -> None:
    """warpgate's client was told of a failure though the data was there."""
    there = tmp_path / "there"
    there.mkdir()
    name, folder = f"put-{old}.sh", folder or demo.at(there)
    (tmp_path / name).write_text("#!/bin/sh\n")
    (tmp_path / name).chmod(0o750)
    os.utime(tmp_path / name, (1_000_000_000, 1_000_000_000))
    words = ("-O", "-p") if old else ("-p",)
    ran = demo.client("scp", *words, str(tmp_path / name), f"fireline:{folder}/{name}")
    assert (ran.status, ran.err) == (0, "")
    ran = demo.sftp(f"put -p {tmp_path}/{name} {folder}/by-sftp-{name}")
    assert ran.status == 0, ran.err
    for path in there.iterdir():
        assert (path.stat().st_mode & 0o777, path.stat().st_mtime) == (0o750, 1_000_000_000)


@pytest.mark.parametrize("words", [[], ["-O"]])
def test_200_megabytes_go_both_ways_while_they_are_recorded(
    demo: Demo, tmp_path: Path, words: list[str]
) -> None:
    """A download hung when recording was on."""
    piece, sha256 = os.urandom(MIB), hashlib.sha256()
    with (tmp_path / "big").open("wb") as file:
        for _ in range(200):
            file.write(piece)
            sha256.update(piece)
    there, back = tmp_path / "there", tmp_path / "back"
    put = demo.client("scp", *words, str(tmp_path / "big"), f"fireline:{demo.at(there)}")
    assert (put.status, put.err) == (0, "")
    got = demo.client("scp", *words, f"fireline:{demo.at(there)}", str(back))
    assert (got.status, got.err) == (0, "")
    assert subprocess.run(["cmp", tmp_path / "big", back], check=False).returncode == 0
    (ended,) = changes(demo, "change_ended", there)
    assert (ended["bytes"], ended["sha256"]) == (200 * MIB, sha256.hexdigest())
    read = [c for c in demo.chunks() if c.path == str(there) and c.did == "read"]
    assert read[-1].sha256 == sha256.hexdigest()


def test_a_large_sparse_file_leaves_the_brokers_memory_flat(demo: Demo, tmp_path: Path) -> None:
    """Copies broke off with a broken pipe; half a gigabyte here, 5 GB where it is measured."""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(512 * MIB)
    there = tmp_path / "there"
    assert demo.sftp("ls /devices").status == 0
    before = demo.broker_kib()
    ran = demo.client("scp", str(tmp_path / "sparse"), f"fireline:{demo.at(there)}")
    assert (ran.status, there.stat().st_size) == (0, 512 * MIB), ran.err
    assert demo.broker_kib() - before < 64 * 1024


def test_the_end_of_standard_input_is_passed_on(demo: Demo, tmp_path: Path) -> None:
    """An exec with piped input gave nothing."""
    ran = demo.client("ssh", "fireline", "library add piped.sh", stdin=b"abc")
    assert ran.status == 0, ran.err
    rows = json.loads(demo.client("ssh", "fireline", "library list piped.sh -output json").out)
    assert rows[0]["sha256"] == hashlib.sha256(b"abc").hexdigest()
