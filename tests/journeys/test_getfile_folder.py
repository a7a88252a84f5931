"""A folder taken as one archive, fetched by sftp and unpacked by the real tar."""

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.journeys.files_demo import Demo, demo

__all__ = ["demo"]  # the fixture

pytestmark = pytest.mark.needs("ssh", "sftp")


def test_a_folder_comes_whole_and_says_what_did_not(demo: Demo, tmp_path: Path) -> None:
    tree = tmp_path / "case 7"
    (tree / "in").mkdir(parents=True)
    (tree / "in" / "x").write_bytes(os.urandom(200_000))
    (tree / "in" / "to").symlink_to("x")
    os.mkfifo(tree / "pipe")
    ran = demo.client("ssh", "fireline", f'on {demo.device} getfile "{tree}"')
    assert ran.status == 0, ran
    assert f"{tree}/pipe is a pipe and was left out" in ran.err
    found = re.search(r"sha256 (\w{64})\nsftp +(/evidence/S\d+/\S.*)", ran.out)
    assert found is not None, ran
    got = demo.sftp(f'get "{found[2]}" "{tmp_path}/got.tar"')
    assert got.status == 0, got
    data = (tmp_path / "got.tar").read_bytes()
    assert hashlib.sha256(data).hexdigest() == found[1]
    os.unlink(tree / "pipe")
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-x", "-C", str(out)], input=data, check=True)
    subprocess.run(["diff", "-r", "--no-dereference", str(tree), str(out / tree.name)], check=True)


def test_a_folder_over_the_limit_is_refused_before_its_first_byte(
    demo: Demo, tmp_path: Path
) -> None:
    tree = tmp_path / "vast"
    tree.mkdir()
    for number in range(4):
        with (tree / str(number)).open("wb") as file:
            file.truncate(1 << 30)
    ran = demo.client("ssh", "fireline", f"on {demo.device} getfile {tree}")
    assert ran.status in (1, 3), ran
    assert "at most 3," in ran.err
    assert "nothing was transferred" in ran.err
