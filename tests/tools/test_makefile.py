"""The demo's recipes: standard input and output are the demo's own, a failure is a failure."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A finished environment whose Python answers with its words, its input and status 3."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"
    python.write_text(
        '#!/bin/sh\ncase "$*" in *system_packages*) exit 0;; esac\n'
        'printf "[%s]" "$@"; echo; cat; exit 3\n'
    )
    python.chmod(0o755)
    for stamp in (".server", ".dev"):
        (tmp_path / stamp).touch()
    return tmp_path


def make(place: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", f"VENV={place}", *words],
        cwd=ROOT,
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_demo_gets_the_lines_on_standard_input_and_nothing_is_added(place: Path) -> None:
    answer = make(place, "demo", said="processes -name python\nexit\n")
    assert answer.stdout == (
        "[-I][-m][server.operator.demo][run][--state][var/demo]\nprocesses -name python\nexit\n"
    )
    assert "Error 3" in answer.stderr
    assert answer.returncode != 0


def test_another_folder_may_be_named(place: Path) -> None:
    assert "[down][--state][/tmp/a b]\n" in make(place, "demo-down", "STATE=/tmp/a b").stdout


def test_windows_is_asked_for_by_a_flag(place: Path) -> None:
    assert "[run][--windows][--state][var/demo]\n" in make(place, "demo-windows").stdout
