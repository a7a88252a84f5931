"""The rig for the tests of the Windows half; without it they say by name that they did not run.

The tests in `inside/` run in Windows Python itself: here each file of them is run once, in the
rig, and each test of it is reported as its own.
"""

import ast
import os
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
WAIT_S = 100.0
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
    """One file of tests, run in the rig when the first of them is wanted."""

    ran: dict[str, str | None] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        for node in ast.parse(self.path.read_bytes()).body:
            if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
                item: InsideTest = InsideTest.from_parent(self, name=node.name)
                item.add_marker(pytest.mark.xdist_group("windows"))
                yield item

    def failures(self, rig: Rig) -> dict[str, str | None]:
        """Test -> what it said when it failed, None for one that passed."""
        if self.ran is None:
            self.ran = _run(rig, self.path)
        return self.ran


class InsideTest(pytest.Function):
    """One test, or all parameters of it together."""

    def __init__(self, **known: object) -> None:
        super().__init__(callobj=self._reported, **known)  # type: ignore[arg-type]

    def _reported(self, windows: Rig) -> None:
        assert isinstance(self.parent, InsideFile)
        failures = self.parent.failures(windows)
        assert self.name in failures, f"it did not run: {failures.get('', '')}"
        if failures[self.name] is not None:
            pytest.fail(failures[self.name] or "", pytrace=False)


def _run(rig: Rig, path: Path) -> dict[str, str | None]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = [*PYTEST, *OPTIONS, f"--junitxml={rig.path(report)}", rig.path(path)]
        done = rig.run(words, cwd=ROOT, timeout=WAIT_S)
        if not report.exists():
            return {"": (done.stdout + done.stderr).decode(errors="replace")}
        found = _read(ET.parse(report).getroot())
    return found or {"": done.stdout.decode(errors="replace")}


def _read(report: ET.Element) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for case in report.iter("testcase"):
        name = case.get("name", "").partition("[")[0]
        bad = [one.text or "" for one in case if one.tag in ("failure", "error", "skipped")]
        found[name] = "\n".join([found.get(name) or "", *bad]) if bad else found.get(name)
    return found
