"""A skip says what is missing; under CI it is a failure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLANTED = """
import pytest

@pytest.mark.needs("no-such-program")
def test_needs(): pass

def test_skips(): pytest.skip("not today")

@pytest.mark.xfail(reason="known")
def test_known(): assert False

def test_passes(): pass
"""
MODULE = "import pytest\npytest.skip('not here', allow_module_level=True)\n"
INI = "[pytest]\nmarkers = needs\n journey\n windows\n"


@pytest.mark.parametrize(
    ("ci", "summary"),
    [
        ("", "1 passed, 3 skipped, 1 xfailed"),
        ("true", "1 failed, 1 passed, 1 xfailed, 1 error"),
    ],
)
def test_a_skip_is_a_failure_under_ci_only(tmp_path: Path, ci: str, summary: str) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "test_planted.py").write_text(PLANTED)
    if not ci:  # pytest stops at a module that fails to be collected
        (tmp_path / "test_module.py").write_text(MODULE)
    answer = planted(tmp_path, ci)
    assert summary in answer.stdout
    assert answer.returncode == (1 if ci else 0)
    assert "no-such-program is not installed" in answer.stdout


def test_a_module_that_skips_itself_is_a_failure_under_ci(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "test_module.py").write_text(MODULE)
    answer = planted(tmp_path, "true")
    assert answer.returncode not in (0, 5)
    assert "under CI a skip is a failure" in answer.stdout


def planted(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    return subprocess.run(
        [sys.executable, "-I", "-m", "pytest", "-rs", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**environment, "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
    )
