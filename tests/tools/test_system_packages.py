"""The list of system programs: what is missing is named with the command that installs it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT

TOOL = ROOT / "tools/system_packages.py"


def run(*words: str, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(TOOL), *words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_nothing_is_said_when_nothing_is_missing(tmp_path: Path) -> None:
    (ssh := tmp_path / "ssh").touch()
    ssh.chmod(0o755)
    answer = run("need", "demo", path=str(tmp_path))
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_a_missing_program_is_named_with_the_command() -> None:
    answer = run("need", "demo", path="/nowhere")
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr == "fireline needs ssh: apt-get install openssh-client\n"


def test_where_nothing_may_be_installed_it_says_what_will_not_run() -> None:
    answer = run("install", "windows", "demo", path="/nowhere")
    assert answer.returncode == 0
    assert "apt-get install" in answer.stdout
    assert "without ssh this does not run: the demo and every journey" in answer.stdout
    assert "without wine this does not run: the Windows half" in answer.stdout
