"""Runs code in a mount namespace where a FUSE mount has nobody who answers: any look into it hangs.

`python dead_mount.py FOLDER CODE`: FOLDER/mnt is the dead mount when CODE runs, with `folder`.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNSHARED = ("unshare", "-m", "--propagation", "private")


def beside_a_dead_mount(folder: Path, code: str) -> str:
    """What `code` prints; it ends by itself, or it has touched the mount."""
    (folder / "mnt").mkdir(exist_ok=True)
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("a dead mount needs root and /dev/fuse")
    done = subprocess.run(
        [*UNSHARED, sys.executable, str(Path(__file__)), str(folder), code],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _mount(folder: str) -> int:
    """The kernel waits at this handle for an answer that never comes."""
    handle = os.open("/dev/fuse", os.O_RDWR)
    at, options = os.fsencode(folder) + b"/mnt", f"fd={handle},rootmode=40000,user_id=0,group_id=0"
    if ctypes.CDLL(None, use_errno=True).mount(b"dead", at, b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount")
    return handle


if __name__ == "__main__":
    _mount(sys.argv[1])
    exec(sys.argv[2], {"folder": sys.argv[1]})
