"""The right to enforce, taken over and given up by real processes."""

import os
import subprocess
import sys
from pathlib import Path

from endpoint_shim.linux import claim
from endpoint_shim.linux.claim import Claim

HOLDER = """
import sys
from pathlib import Path
from endpoint_shim.linux.claim import Claim
held = Claim(Path(sys.argv[1]))
held.take()
print(flush=True)
sys.stdin.read()
"""


def holder(path: Path) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[3]
    words = [sys.executable, "-c", HOLDER, str(path)]
    pipe = subprocess.PIPE
    started = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=root)
    assert started.stdout is not None
    started.stdout.readline()
    return started


def test_whoever_takes_it_has_it_and_the_one_before_no_longer(tmp_path: Path) -> None:
    first = Claim(tmp_path / "claim")
    first.take()
    assert first.holds()
    second = Claim(tmp_path / "claim")
    assert first.holds(), "making it ready takes nothing"
    second.take()
    assert second.holds() and not first.holds()


def test_it_is_held_while_its_holder_lives(tmp_path: Path) -> None:
    path = tmp_path / "claim"
    assert not claim.is_held(path)
    with holder(path) as other:
        assert claim.is_held(path)
        other.kill()
        other.wait()
        assert not claim.is_held(path) and path.exists()


def test_its_end_waits_for_the_holders(tmp_path: Path) -> None:
    path = tmp_path / "claim"
    assert claim.end(path, 1)
    with holder(path) as other:
        assert not claim.end(path, 0.05), "he lives on"
        assert not path.exists(), "without it"
        other.kill()
    with holder(path) as other:
        other.kill()
        other.wait()
        assert claim.end(path, 1)
    assert os.listdir(tmp_path) == []
