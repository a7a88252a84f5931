"""Every decoder under atheris: input that is led by the lines it reaches.

test_decoders.py spoils good inputs blindly; this finds what blind chance does not. Where msgspec
decodes alone, in C, there is nothing that could lead: those are that file's.
"""

import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.decoders import DECODERS
from tests.soaking import seconds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this machine"
    ),
]

PROGRAM = Path(__file__).with_name("fuzz.py")
RUNS, SOAK_SECONDS = 10_000, 300
IN_C = ("up", "down", "stream up", "stream down", "manifest")
LED = [name for name in DECODERS if name not in IN_C]


def raise_nothing_else(folder: Path, bound: str, *names: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-I", PROGRAM, folder, bound, *names],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    found = [path.read_bytes() for path in folder.glob("*/*") if path.is_file()]
    assert ran.returncode == 0, f"{found} {ran.stdout[-1500:]} {ran.stderr[-1500:]}"
    led = [line for line in ran.stderr.splitlines() if "\tDONE " in line and " cov: " in line]
    assert len(led) == len(names), ran.stderr


def test_inputs_led_by_coverage_raise_what_their_decoders_say(tmp_path: Path) -> None:
    raise_nothing_else(tmp_path, f"-runs={RUNS}", *LED)


def test_a_decoder_that_raises_something_else_is_caught(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="KeyError|TypeError"):
        raise_nothing_else(tmp_path, "-max_total_time=20", "careless")


@pytest.mark.soak
@pytest.mark.timeout(2 * SOAK_SECONDS)
@pytest.mark.parametrize("name", LED)
def test_minutes_of_led_input(name: str, tmp_path: Path) -> None:
    raise_nothing_else(tmp_path, f"-max_total_time={math.ceil(seconds(SOAK_SECONDS))}", name)
