"""tools/windows_check.py in the rig: what Wine can is ok, what it lacks is told and fails."""

from pathlib import Path

import pytest

from tests.windows import doubles
from tests.windows.rig import Rig
from tests.windows.rig.running import ROOT

pytestmark = [pytest.mark.windows, pytest.mark.xdist_group("windows")]

PARTS = ("windows_itself", "links_are_not_followed", "a_real_powershell_runs")


def test_each_part_is_told_and_one_that_fails_is_the_scripts_status(
    windows: Rig, tmp_path: Path
) -> None:
    script = windows.path(ROOT / "tools/windows_check.py")
    done = windows.run(["-I", script, *PARTS], cwd=tmp_path)
    lines = done.stdout.decode().splitlines()
    assert [line[:8].strip() for line in lines] == ["ok", "not run", "FAILED"]
    assert "Windows 10." in lines[0] and "mklink made no junction" in lines[1]
    # Wine's powershell.exe is empty: it says nothing and ends well.
    assert "powershell.exe" in lines[2] and "it said (0, '', '')" in lines[2]
    assert done.returncode == 1
    assert (tmp_path / "windows-report.txt").read_text().splitlines() == lines


def test_the_parts_about_containment_run_against_the_doubles_and_say_what_is_not_there(
    windows: Rig, tmp_path: Path
) -> None:
    script = windows.path(ROOT / "tools/windows_check.py")
    parts = (
        "the_filtering_engine_takes_every_filter",
        "defender_scans_a_folder",
        "isolates_for_real",
    )
    env = doubles.in_place(windows)
    done = windows.run(["-I", script, *parts], cwd=tmp_path, env=env)
    lines = done.stdout.decode().splitlines()
    assert [line[:8].strip() for line in lines] == ["ok", "not run", "not run"], lines
    assert "filters were taken, read back as they were given, and taken back" in lines[0]
    assert "this device has no Microsoft Defender" in lines[1]
    assert "needs FIRELINE_CHECK_BROKER=HOST:PORT" in lines[2]
    assert done.returncode == 0


def test_a_whole_package_is_collected_here_and_told(windows: Rig, tmp_path: Path) -> None:
    script = windows.path(ROOT / "tools/windows_check.py")
    done = windows.run(["-I", script, "a_package_is_collected"], cwd=tmp_path)
    said = done.stdout.decode()
    # Eleven folders are a real Windows'; Wine lacks some, and says which it has.
    assert said.startswith("FAILED") and "AssertionError: only ['Autoruns'" in said, said
