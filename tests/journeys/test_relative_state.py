"""A device whose state folder was given relative to where its owner stood."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.rig import SHIM, House, Shim

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(90)]

DEVICE = "here-01"


def test_it_is_enrolled_checked_and_runs_commands(tmp_path: Path) -> None:
    with House(tmp_path / "house", {"reserve_bytes": 1 << 20}) as house:
        program = [sys.executable, "-I", *SHIM]
        enrolled = subprocess.run(
            [*program, "enroll", "--state", "my device", "--name", DEVICE],
            input=house.token(DEVICE).encode(), cwd=tmp_path, capture_output=True, check=False,
        )  # fmt: skip
        assert enrolled.returncode == 0, enrolled.stderr.decode()
        assert f"--state '{tmp_path}/my device' run" in enrolled.stdout.decode()
        with (tmp_path / "shim.log").open("wb") as log:
            house.shims[DEVICE] = shim = Shim(DEVICE, tmp_path / "my device")
            shim.process = subprocess.Popen(
                [*program, "--state", "my device", "run"],
                cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        house.wait_online(DEVICE)
        ran = house.run(f"on {DEVICE} dir {tmp_path}")
        assert ran.status == 0 and "my device" in ran.out, ran.err
        checked = subprocess.run(
            [*program, "check", "--state", "my device"],
            cwd=tmp_path, capture_output=True, check=False,
        )  # fmt: skip
        assert checked.returncode == 0, checked.stdout.decode()
