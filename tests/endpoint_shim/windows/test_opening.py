"""What is opened for reading while another program swaps it, on the disk's double."""

import os
import time
from pathlib import Path

import pytest

from commands.language.errors import Failed, FirelineError, Refused
from endpoint_shim.windows.entries import OFFLINE, RECALL_ON_DATA_ACCESS, Facts
from endpoint_shim.windows.opening import opened, refuse_unless_plain
from tests.endpoint_shim.windows.double import LinuxDisk
from tests.endpoint_shim.windows.swapper import swapping

ROUNDS, AT_MOST_S = 500, 60.0


class OffLimits:
    """A policy that keeps everything outside of drive C."""

    def check_path(self, path: str) -> None:
        if not path.startswith("C:\\"):
            raise Refused(f"{path} is off limits")

    def check_open(self, path: str, device: int, number: int) -> None:
        return


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A drive with a folder, and links that lead out of it."""
    drive = tmp_path / "drive"
    (drive / "inside").mkdir(parents=True)
    (drive / "inside" / "x").write_text("ours")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("theirs")
    (drive / "link").symlink_to("../outside")
    (drive / "inside" / "y").symlink_to("../../outside/x")
    return drive


def read(disk: LinuxDisk, path: str) -> str:
    handle, _ = opened(path, OffLimits(), disk)
    try:
        return os.read(handle, 100).decode()
    finally:
        disk.close(handle)


def readings(disk: LinuxDisk, path: str, wanted: set[str]) -> set[str]:
    """What so many readings gave, and more until all that is wanted came; a refused one is ""."""
    found, done, end = set[str](), 0, time.monotonic() + AT_MOST_S
    while done < ROUNDS or (not wanted <= found and time.monotonic() < end):
        try:
            found.add(read(disk, path))
        except FirelineError:
            found.add("")
        done += 1
    return found


def test_a_plain_file_is_read_and_a_link_is_named(drive: Path) -> None:
    assert read(LinuxDisk(drive), "C:\\inside\\x") == "ours"
    with pytest.raises(Refused, match=r"y is a link to ../../outside/x, not a plain file"):
        read(LinuxDisk(drive), "C:\\inside\\y")
    with pytest.raises(Refused, match="is a folder, not a plain file"):
        read(LinuxDisk(drive), "C:\\inside")
    with pytest.raises(Refused, match="is off limits"):
        read(LinuxDisk(drive), "C:\\link\\x")
    with pytest.raises(Failed, match="does not exist"):
        read(LinuxDisk(drive), "C:\\none")


@pytest.mark.parametrize(("one", "other"), [("inside", "link"), ("inside/x", "inside/y")])
def test_nothing_outside_is_read_while_names_are_swapped(drive: Path, one: str, other: str) -> None:
    with swapping(drive, one, other):
        found = readings(LinuxDisk(drive), "C:\\inside\\x", {"ours", ""})
    assert found == {"ours", ""}


def test_the_race_is_lost_where_the_open_file_is_not_known_again(
    drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rig sees a build that is broken on purpose."""
    monkeypatch.setattr(LinuxDisk, "identity", lambda *_: (0, 0))
    with swapping(drive, "inside", "link"):
        found = readings(LinuxDisk(drive), "C:\\inside\\x", {"theirs"})
    assert "theirs" in found


@pytest.mark.parametrize("bit", [OFFLINE, RECALL_ON_DATA_ACCESS])
def test_a_placeholder_is_refused_by_name_unless_it_is_asked_for(drive: Path, bit: int) -> None:
    found = Facts("", 0, 0, 0, 0, 9, bit, 0)
    with pytest.raises(Refused, match=r"placeholder.*getfile -recall has the device fetch it"):
        refuse_unless_plain("C:\\x", found, LinuxDisk(drive), recall=False)
    refuse_unless_plain("C:\\x", found, LinuxDisk(drive), recall=True)


def test_a_folders_stream_is_as_plain_as_a_files(drive: Path) -> None:
    folder = Facts("", 0, 0, 0, 0, 9, 0x10, 0)
    refuse_unless_plain("C:\\d:stream", folder, LinuxDisk(drive), recall=False)
    with pytest.raises(Refused, match="is a folder"):
        refuse_unless_plain("C:\\d", folder, LinuxDisk(drive), recall=False)
