"""The rig itself: it is a real Windows Python, apart from every other, and it ends whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.windows.rig import Rig, rig
from tests.windows.rig.running import ROOT

pytestmark = [pytest.mark.windows, pytest.mark.xdist_group("windows")]

PARENT = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={"SYSTEMROOT": "C:/w"})
print("started", sys.executable, sep="\\n", flush=True)
sys.stdin.read()
"""


def wine_processes(mark: str) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark.encode() in (entry / "environ").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def test_python_is_a_windows_python_with_the_clone_on_its_path(windows: Rig) -> None:
    said = windows.run(["-I", "-c", "import sys; print(sys.platform); print(sys.path[-1])"])
    assert said.returncode == 0, said.stderr
    assert said.stdout.decode().split("\r\n")[:2] == ["win32", windows.path(ROOT)]


def test_statuses_and_both_outputs_come_back(windows: Rig) -> None:
    said = windows.run(
        ["-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"]
    )
    assert (said.returncode, said.stdout, said.stderr) == (7, b"out\r\n", b"err\r\n")


def test_end_kills_what_a_process_started_though_it_left_the_tree(windows: Rig) -> None:
    process = windows.python(["-c", PARENT], stdin=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"started\r\n"
    assert len(wine_processes(process.mark)) == 2
    process.end()
    assert not wine_processes(process.mark)


def test_two_runs_do_not_share_a_wineserver(windows: Rig) -> None:
    with rig() as other:
        other_prefix = str(other.prefix)
        assert wine_processes(other_prefix)
    assert not wine_processes(other_prefix)
    assert not other.folder.exists()
    assert windows.run(["-c", "pass"]).returncode == 0


def test_what_one_run_writes_into_its_registry_no_other_run_sees(windows: Rig) -> None:
    key = r"Software\FirelineRig"
    write = f"import winreg; winreg.CreateKey(winreg.HKEY_CURRENT_USER, {key!r})"
    read = f"import winreg; winreg.OpenKey(winreg.HKEY_CURRENT_USER, {key!r})"
    with rig() as writing:
        assert writing.run(["-c", write]).returncode == 0
        assert writing.run(["-c", read]).returncode == 0
    with rig() as other:
        assert b"FileNotFoundError" in other.run(["-c", read]).stderr


def test_a_killed_owner_leaves_nothing_after_the_next_start() -> None:
    owner = [sys.executable, "-m", "tests.windows.rig", "-c", PARENT]
    with subprocess.Popen(
        owner, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"started\r\n"
        orphaned = process.stdout.readline().decode().strip().split("\\")[-3]
        assert wine_processes(orphaned)
        os.kill(process.pid, signal.SIGKILL)
    with rig() as next_run:
        assert not wine_processes(orphaned)
        assert not (next_run.folder.parent / orphaned).exists()
