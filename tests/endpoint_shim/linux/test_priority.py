"""What a process that must come first may not do here is said, and of whom."""

import os
import subprocess
import sys

import pytest

PROGRAM = (
    "from endpoint_shim.linux.priority import be_first; print(*be_first('it, which enforces'))"
)


@pytest.mark.needs("setpriv")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to lose")
@pytest.mark.parametrize(
    ("right", "said"),
    [
        ("sys_nice", "it, which enforces has no real-time priority (Operation not permitted)"),
        (
            "sys_resource",
            "it, which enforces may be ended where memory is short (Permission denied",
        ),
    ],
)
def test_each_right_that_is_missing_is_said_of_whom_it_is_missed(right: str, said: str) -> None:
    words = ["setpriv", f"--bounding-set=-{right}", "--", sys.executable, "-I", "-c", PROGRAM]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert said in ran.stdout
