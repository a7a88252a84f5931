"""Whoever starts a program that may pass is never left waiting."""

import shutil
import subprocess
from pathlib import Path

import pytest

from endpoint_shim.linux import program_pass
from endpoint_shim.linux.allowed_programs import AllowedPrograms
from endpoint_shim.linux.fanotify import Group
from endpoint_shim.linux.pass_groups import PassGroups
from endpoint_shim.linux.program_pass import Watch
from tests.endpoint_shim.linux.nets import ROOT

pytestmark = ROOT


class Broken(PassGroups):
    """Groups that fail as nobody thought of."""

    asked = 0

    def enter(self, pid: int, name: str) -> None:
        self.asked += 1
        raise ValueError("broken on purpose")


class Full(PassGroups):
    """Groups that the system refuses."""

    asked = 0

    def enter(self, pid: int, name: str) -> None:
        self.asked += 1
        raise OSError("no more groups")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(subprocess, "_USE_VFORK", True)  # as it was, afterwards
    monkeypatch.setattr(subprocess, "_USE_POSIX_SPAWN", True)
    return Path(shutil.copy("/bin/true", tmp_path / "mailer"))


def watch(groups: PassGroups, program: Path) -> Watch:
    return Watch(groups, AllowedPrograms(), (f"process {program}",))


def test_what_cannot_be_let_pass_starts_all_the_same(program: Path) -> None:
    groups = Full()
    asking = watch(groups, program)
    for _ in range(2):  # from this very process, whose own threads answer
        assert subprocess.run([program], timeout=10, check=False).returncode == 0
    assert groups.asked == 2
    asking.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_when_nobody_answers_any_more_nobody_is_asked_about(program: Path) -> None:
    groups = Broken()
    asking = watch(groups, program)
    for _ in range(2):
        assert subprocess.run([program], timeout=10, check=False).returncode == 0
    assert groups.asked == 1
    asking.close()


def test_a_watch_that_cannot_begin_holds_nobody(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaks(AllowedPrograms):
        def stamp(self, selectors: tuple[str, ...], known: tuple[bytes, ...]) -> object:
            raise OSError("broken on purpose")

    made: list[Group] = []

    class Seen(Group):
        def __init__(self) -> None:
            super().__init__()
            self.mark_file(bytes(program))
            made.append(self)

    monkeypatch.setattr(program_pass, "Group", Seen)
    with pytest.raises(OSError, match="broken on purpose"):
        Watch(PassGroups(), Breaks(), (f"process {program}",))
    assert len(made) == 1
    assert subprocess.run([program], timeout=10, check=False).returncode == 0
