"""What holds for every test: marks by folder, programs that are needed, and no skip under CI."""

import contextlib
import os
import shutil
import time
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

HERE = Path(__file__).parent
BY_FOLDER = {
    "faults": pytest.mark.journey,
    "journeys": pytest.mark.journey,
    "windows": pytest.mark.windows,
}
CI = os.environ.get("CI", "").lower() in ("1", "true")
# How long one example takes says nothing on a machine that two tests share.
hypothesis.settings.register_profile("fireline", deadline=None, print_blob=True)
hypothesis.settings.load_profile("fireline")
SEARCH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""
        if folder in BY_FOLDER:
            item.add_marker(BY_FOLDER[folder])


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            there = os.path.isabs(program) and os.path.exists(program)
            if not there and not shutil.which(program, path=SEARCH):
                pytest.skip(f"{program} is not installed (see tools/system_packages.py)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"under CI a skip is a failure: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"under CI a skip is a failure: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def no_lock_of_a_killed_shell() -> None:
    """A login shell that a test killed may have held pyenv's lock, at which the next one waits for
    a minute before its first prompt."""
    lock = Path.home() / ".pyenv" / "shims" / ".pyenv-shim"
    with contextlib.suppress(OSError):
        if time.time() - lock.stat().st_mtime > 3:
            lock.unlink()
