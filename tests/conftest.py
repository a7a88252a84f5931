"""What holds for every test: marks by folder, programs that are needed, and no skip under CI."""

import contextlib
import functools
import itertools
import os
import re
import shutil
import time
import traceback
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

HERE = Path(__file__).parent
GROUP = re.compile(r"xdist_group\(\"([^\"]+)\"\)")
BY_FOLDER = {
    "faults": pytest.mark.journey,
    "journeys": pytest.mark.journey,
    "windows": pytest.mark.windows,
}
LONGEST = {"windows": 0, "faults": 1, "journeys": 2}
CI = os.environ.get("CI", os.environ.get("FIRELINE_CI", "")).lower() in ("1", "true")
if CI:
    # pytest itself shows a failed comparison whole where it sees CI: of two files of 200 kB, a
    # difference line by line, for many minutes. Its workers inherit what stands here.
    os.environ["FIRELINE_CI"] = "true"
    os.environ.pop("CI", None)
    os.environ.pop("BUILD_NUMBER", None)
# How long one example takes says nothing on a machine that two tests share.
hypothesis.settings.register_profile("fireline", deadline=None, print_blob=True)
hypothesis.settings.load_profile("fireline")
SEARCH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
NEAREST = 4
_walk_stack = traceback.walk_stack


def _nearest(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """Where something was made, without the sixty frames of pytest below it.

    asyncio's debug keeps the whole stack with each future, and asks the disk about each file in it:
    0.5 ms a future, half the time of what reads much.
    """
    return itertools.islice(_walk_stack(frame), NEAREST)


traceback.walk_stack = _nearest  # type: ignore[assignment]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if (folder := _folder(item)) in BY_FOLDER:
            item.add_marker(BY_FOLDER[folder])
    # The longest first: who shares the work has only what is short left at the end.
    items.sort(key=lambda item: LONGEST.get(_folder(item), len(LONGEST)))


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""


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


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "Grouped":
    """In place of xdist's loadgroup, which marks names in a way that this pytest has no more."""
    config.option.loadscopereorder = False  # ours is by time, xdist's by number
    return Grouped(config, log)


class Grouped(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of one `xdist_group`, and of one file of journeys (they share a broker), go to one
    worker, one after another; every other one goes by itself."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0]) or nodeid


@functools.cache
def _group(file: str) -> str:
    """The group that a file of tests names, by its text: its tests are collected elsewhere."""
    if file.startswith("tests/windows/inside/"):
        return "windows"
    path = HERE.parent / file
    found = GROUP.search(path.read_text("utf-8")) if path.is_file() else None
    if found is not None:
        return found[1]
    return file if file.startswith("tests/journeys/") else ""
