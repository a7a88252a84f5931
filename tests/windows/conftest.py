"""The rig for the tests of the Windows half; without it they say by name that they did not run.

The tests in `inside/` run in Windows Python itself, in the rig: here all of them are run once, in
one Python, for each start of one takes its time, and each test is reported as its own.
"""

import ast
import os
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.windows import doubles
from tests.windows.live import Live
from tests.windows.rig import Rig, RigMissing, rig

INSIDE = Path(__file__).parent / "inside"
ROOT = Path(__file__).parents[2]
WAIT_S, TOGETHER_S = 100.0, 300.0
Failures = dict[str, str | None]
RAN = pytest.StashKey[dict[str, Failures]]()
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# asyncio's debug mode costs 60 times in Wine; the clone's caches and conftest files are Linux's.
PYTEST = ("-I", "-B", "-X", "utf8", "-m", "pytest", "-q", "--noconftest")
OPTIONS = ("-p", "no:cacheprovider", "-o", "asyncio_debug=false", "-o", "junit_family=xunit1")


@pytest.fixture(scope="session")
def windows() -> Iterator[Rig]:
    try:
        started = rig()
    except RigMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the Windows half did not run: {missing}")
    with started:
        doubles.build(started)
        yield started


@pytest.fixture(scope="session")
def live(windows: Rig) -> Iterator[Live]:
    """One for all journeys: a Windows takes its time to come up."""
    # A Unix socket's path is short; pytest's own folders are not.
    with tempfile.TemporaryDirectory() as folder:
        started = Live(Path(folder) / "s")
        try:
            yield started.up()
        finally:
            started.down()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.parent == INSIDE and file_path.match("test_*.py"):
        inside: InsideFile = InsideFile.from_parent(parent, path=file_path)
        return inside
    return None


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    if module_path.parent == INSIDE:
        nothing: Nothing = Nothing.from_parent(parent, path=module_path, name="")
        return nothing
    return None


class Nothing(pytest.File):
    """In place of the module that Linux would import."""

    def collect(self) -> list[pytest.Item]:
        return []


class InsideFile(pytest.File):
    """One file of tests for Windows Python."""

    def collect(self) -> Iterator[pytest.Item]:
        for node in ast.parse(self.path.read_bytes()).body:
            if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
                item: InsideTest = InsideTest.from_parent(self, name=node.name)
                item.add_marker(pytest.mark.timeout(TOGETHER_S + 2 * WAIT_S))
                yield item


class InsideTest(pytest.Function):
    """One test, or all parameters of it together."""

    def __init__(self, **known: object) -> None:
        super().__init__(callobj=self._reported, **known)  # type: ignore[arg-type]

    def _reported(self, windows: Rig) -> None:
        failures = _failures(self.session, self.path, windows)
        assert self.name in failures, f"it did not run: {failures.get('', '')}"
        if failures[self.name] is not None:
            pytest.fail(failures[self.name] or "", pytrace=False)


def _failures(session: pytest.Session, path: Path, rig: Rig) -> Failures:
    """Test -> what it said when it failed, None for one that passed.

    All files that are wanted run in one Python; one that this has no word of runs by itself.
    """
    if RAN not in session.stash:
        wanted = {item.path for item in session.items if isinstance(item, InsideTest)}
        session.stash[RAN] = _run(rig, sorted(wanted), TOGETHER_S) if len(wanted) > 1 else {}
    ran = session.stash[RAN]
    if path.name not in ran:
        ran |= {path.name: {}} | _run(rig, [path], WAIT_S)
    return ran[path.name]


def _run(rig: Rig, paths: list[Path], limit_s: float) -> dict[str, Failures]:
    """By the file's name; what it said where it did not come to a report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = [*PYTEST, *OPTIONS, f"--junitxml={rig.path(report)}", *map(rig.path, paths)]
        try:
            done = rig.run(words, cwd=ROOT, timeout=limit_s)
        except subprocess.TimeoutExpired:
            said = f"not done within {limit_s:.0f} s"
        else:
            said = (done.stdout + done.stderr).decode(errors="replace")
        found = _read(ET.parse(report).getroot()) if report.exists() else {}
    return found if found or len(paths) > 1 else {paths[0].name: {"": said}}


def _read(report: ET.Element) -> dict[str, Failures]:
    found: dict[str, Failures] = {}
    for case in report.iter("testcase"):
        file = found.setdefault(case.get("file", "").replace("\\", "/").rpartition("/")[2], {})
        name = case.get("name", "").partition("[")[0]
        bad = [one.text or "" for one in case if one.tag in ("failure", "error", "skipped")]
        file[name] = "\n".join([file.get(name) or "", *bad]) if bad else file.get(name)
    return found
