"""`make demo-windows`: a stock ssh client, the real broker, the shim in Wine as a second device."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.windows.rig import Rig
from tests.windows.rig.running import ROOT

pytestmark = [pytest.mark.windows, pytest.mark.xdist_group("windows"), pytest.mark.needs("ssh")]

DEMO = (sys.executable, "-I", "-m", "server.operator.demo")


@pytest.fixture(scope="module")
def demo(windows: Rig) -> Iterator[Path]:
    # A Unix socket's path is short; pytest's own folders are not.
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "s"
        up = [*DEMO, "up", "--windows", "--state", str(state)]
        subprocess.run(up, cwd=ROOT, check=True, capture_output=True, timeout=60)
        yield state
        down = [*DEMO, "down", "--state", str(state)]
        subprocess.run(down, cwd=ROOT, check=True, capture_output=True, timeout=60)


def ssh(demo: Path, line: str, given: str = "") -> subprocess.CompletedProcess[str]:
    words = ["ssh", "-T", "-F", str(demo / "ssh_config"), "fireline", line]
    return subprocess.run(
        words, input=given, capture_output=True, text=True, timeout=30, check=False
    )


def rows(demo: Path, line: str) -> list[dict[str, Any]]:
    done = ssh(demo, f"{line} -output json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def device(demo: Path) -> str:
    found = [row for row in rows(demo, "devices") if row["platform"].startswith("Windows")]
    assert len(found) == 1 and found[0]["online"]
    return str(found[0]["name"])


def test_processes_of_windows_and_of_linux_have_the_same_columns(demo: Path, device: str) -> None:
    windows = rows(demo, f"on {device} processes")
    linux = rows(demo, f"on {device.removesuffix('-windows')} processes")
    assert "services.exe" in [row["name"] for row in windows]
    assert set(windows[0]) == set(linux[0])


def test_a_folder_of_windows_is_listed_under_its_own_paths(demo: Path, device: str) -> None:
    found = {row["path"]: row for row in rows(demo, f"on {device} dir C:\\windows")}
    assert found["C:\\windows\\system32"]["is_directory"]
    assert found["C:\\windows\\notepad.exe"]["size"] > 0


def test_a_responder_walks_through_folders_and_takes_a_file(demo: Path, device: str) -> None:
    lines = "cd windows\npwd\ngetfile notepad.exe\ncd ..\\..\npwd\nexit\n"
    done = ssh(demo, f"connect {device}", lines)
    assert done.returncode == 0, done.stderr
    assert "C:\\windows\n" in done.stdout and "C:\\\n" in done.stdout
    said = done.stdout + done.stderr
    assert f"same digest on {device} and here" in said


def test_what_is_not_there_is_a_failure_that_names_it(demo: Path, device: str) -> None:
    done = ssh(demo, f"on {device} dir C:\\none")
    assert done.returncode == 1 and "C:\\none does not exist" in done.stderr
