"""What the clients of SFTP and scp put and fetch, and where they put it."""

import os
import subprocess
from pathlib import Path

import pytest

BIG = os.urandom(1 << 20) * 12 + b"end"
PLAIN = (b"it's $HOME [1].txt", b"b\xffc")
"""Names for the old scp, whose lines end with a name."""
ODD = (b'it\'s $HOME "x" [1].txt', b"b\xffc\n")


def filled(top: Path, names: tuple[bytes, ...] = ()) -> Path:
    """Every kind of plain file, and a file for each of the names, which holds that name."""
    (top / "empty").mkdir(parents=True)
    (top / "sub").mkdir()
    (top / "sub" / "big").write_bytes(BIG)
    (top / "zero").touch(mode=0o600)
    (top / "run.sh").write_text("#!/bin/sh\n")
    (top / "run.sh").chmod(0o755)
    os.utime(top / "run.sh", (1_000_000_000, 1_000_000_000))
    for name in names:
        (top / os.fsdecode(name)).write_bytes(name)
    return top


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """An empty folder on the device."""
    there = tmp_path / "there"
    there.mkdir()
    return there


def same(one: Path, other: Path) -> bool:
    return subprocess.run(["diff", "-r", one, other], check=False).returncode == 0
