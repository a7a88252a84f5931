"""Which files are known, judged on real files and a database made here."""

import hashlib
import os
from pathlib import Path

import pytest

from endpoint_shim.linux import kernel
from endpoint_shim.linux.dpkg import Dpkg
from endpoint_shim.linux.verdicts import CHANGED, NOT_PACKAGED, Judge, Verdict


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    path = tmp_path / "usr" / "tool"
    path.parent.mkdir()
    path.write_text("as its package has it")
    path.chmod(0o755)
    return path


@pytest.fixture
def judge(tmp_path: Path, tool: Path) -> Judge:
    (tmp_path / "dpkg/info").mkdir(parents=True)
    (tmp_path / "dpkg/status").touch()
    own = tmp_path / "own"
    own.mkdir()
    listed = tmp_path / "dpkg/info/tool.md5sums"
    sums = hashlib.md5(tool.read_bytes(), usedforsecurity=False).hexdigest()
    listed.write_text(f"{sums}  {str(tool)[1:]}\n")
    return Judge(Dpkg(tmp_path / "dpkg"), [os.fsencode(own)])


def verdict(judge: Judge, path: Path, name: Path | None = None) -> Verdict:
    """As the enforcer comes to it: at once, or by its content."""
    handle = os.open(path, os.O_RDONLY)
    try:
        asked = os.fsencode(name or path)
        return judge.at_once(asked, os.fstat(handle)) or judge.by_content(asked, handle)
    finally:
        os.close(handle)


def test_as_its_package_installed_it(judge: Judge, tool: Path) -> None:
    assert verdict(judge, tool).may
    tool.write_text("something else")
    assert verdict(judge, tool) == Verdict(False, CHANGED)


def test_the_same_content_elsewhere_is_unknown(judge: Judge, tool: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(tool.read_bytes())
    assert verdict(judge, copy) == Verdict(False, NOT_PACKAGED)


def test_the_same_file_by_a_longer_name_is_known(judge: Judge, tool: Path) -> None:
    assert verdict(judge, tool, Path(f"/srv/root{tool}")).may


def test_another_file_by_a_longer_name_is_not(judge: Judge, tool: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(tool.read_bytes())
    assert not verdict(judge, copy, Path(f"/srv/root{tool}")).may


def test_what_is_ours_is_ours_by_place_and_identity(judge: Judge, tmp_path: Path) -> None:
    mine, other = tmp_path / "own" / "mine", tmp_path / "other"
    mine.touch()
    other.touch()
    assert verdict(judge, mine) == Verdict(True, own=True)
    assert not verdict(judge, other, mine).may, "a name from another namespace may lie"
    assert not verdict(judge, other, tmp_path / "owned" / "mine").may


def test_a_package_that_came_since_is_looked_for(judge: Judge, tmp_path: Path) -> None:
    late = tmp_path / "late"
    late.write_text("late")
    assert not verdict(judge, late).may
    sums = hashlib.md5(b"late", usedforsecurity=False).hexdigest()
    (tmp_path / "dpkg/info/late.md5sums").write_text(f"{sums}  {str(late)[1:]}\n")
    assert verdict(judge, late).may


@pytest.mark.skipif(os.geteuid() != 0, reason="a package's files are root's")
def test_too_late_only_an_unsuspicious_file_of_a_package_may(judge: Judge, tool: Path) -> None:
    def may(path: Path = tool) -> bool:
        return judge.if_too_late(os.fsencode(path), os.stat(tool)).may

    assert may(), "older than its package's list"
    assert not may(tool.with_name("unknown"))
    tool.chmod(0o777)
    assert not may(), "anybody may have changed it"
    tool.chmod(0o755)
    os.utime(tool, ns=(0, os.stat(tool).st_mtime_ns + 10**12))
    assert not may(), "changed since its package was listed"


def test_a_deleted_file_of_a_package_still_runs_from_it(judge: Judge, tool: Path) -> None:
    handle = os.open(tool, os.O_RDONLY)
    tool.rename(tool.with_name("old"))
    tool.with_name("old").unlink()
    file = kernel.cached(b"/proc/self/fd/%d" % handle)
    name = os.fsencode(tool) + b" (deleted)"
    assert judge.is_known_file(name, file) is (file.uid == 0)
    assert not judge.is_known_file(b"/elsewhere/tool (deleted)", file)
    os.close(handle)


def test_loaders_and_interpreters_are_told_by_name(judge: Judge, tmp_path: Path) -> None:
    for name, loads, interprets in (
        ("ld-linux-x86-64.so.2", True, False),
        ("x86_64-linux-musl/libc.so", True, False),
        ("x86_64-linux-gnu/libc.so", False, False),
        ("ld-linux-aarch64.so.1", True, False),
        ("ld-musl-x86_64.so.1", True, False),
        ("ld-2.31.so", True, False),
        ("bash", False, True),
        ("ld", False, False),
    ):
        path = tmp_path / "own" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        found = verdict(judge, path)
        assert (found.loads, bool(found.interprets)) == (loads, interprets), name
