"""Making the environment: what a bare Debian lacks is named with the command that installs it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT

TOOL = ROOT / "tools/make_venv.py"


def test_a_python_without_venv_is_told_which_package_has_it(tmp_path: Path) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ImportError\n")
    answer = subprocess.run(
        [sys.executable, str(TOOL), str(tmp_path / "venv"), "requirements/server.txt"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    assert answer.returncode == 1
    assert answer.stderr == (
        f"make venv: Python's venv module is missing: apt-get install {package}\n"
    )
    assert not (tmp_path / "venv").exists()


def test_a_failed_install_says_so_below_pips_own_words(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("no requirement at all\n")
    answer = subprocess.run(
        [sys.executable, str(TOOL), sys.prefix, str(lock)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 1
    assert "Invalid requirement" in answer.stderr
    assert f"installing {lock} failed" in answer.stderr
