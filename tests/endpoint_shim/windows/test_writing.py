"""The way to a place and the place itself while another program swaps them (a named double)."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from endpoint_shim.policy import Policy
from endpoint_shim.windows.writing import Draft
from tests.endpoint_shim.windows.double import LinuxDisk
from tests.endpoint_shim.windows.swapper import swapping

ROUNDS, AT_MOST_S = 500, 60.0


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A drive with a folder and a link that leads out of it."""
    drive = tmp_path / "drive"
    (drive / "inside").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "theirs").write_text("theirs")
    (drive / "link").symlink_to("../outside")
    return drive


def put(disk: LinuxDisk, path: str, data: bytes, *, overwrite: bool = False) -> None:
    draft = Draft(path, Policy(), disk)
    try:
        draft.write(data)
        draft.finish(overwrite)
    finally:
        draft.close()


def race(
    disk: LinuxDisk, path: str, seen: Callable[[int, int], bool], *, overwrite: bool = False
) -> None:
    """Places so many files, and more until it is seen, by how many were put and refused."""
    put_, refused, end = 0, 0, time.monotonic() + AT_MOST_S
    while put_ + refused < ROUNDS or not seen(put_, refused):
        assert time.monotonic() < end, (put_, refused)
        try:
            put(disk, path.format(put_ + refused), b"x", overwrite=overwrite)
            put_ += 1
        except (Refused, Failed):
            refused += 1


def test_a_file_appears_whole_and_is_replaced_only_when_asked(drive: Path) -> None:
    disk, path = LinuxDisk(drive), "C:\\inside\\x"
    put(disk, path, b"one")
    with pytest.raises(FileExistsError):
        put(disk, path, b"two")
    assert (drive / "inside" / "x").read_bytes() == b"one"
    put(disk, path, b"two", overwrite=True)
    assert (drive / "inside" / "x").read_bytes() == b"two"
    assert os.listdir(drive / "inside") == ["x"]


def test_nothing_is_written_through_a_link_or_over_one(drive: Path) -> None:
    disk = LinuxDisk(drive)
    with pytest.raises(Refused, match=r"C:\\link is a link, and nothing is written through"):
        put(disk, "C:\\link\\theirs", b"ours", overwrite=True)
    (drive / "inside" / "x").symlink_to("../../outside/theirs")
    with pytest.raises(Refused, match="is a link; only a plain file is replaced"):
        put(disk, "C:\\inside\\x", b"ours", overwrite=True)


def test_a_folder_that_is_swapped_for_a_link_lets_nothing_out(drive: Path) -> None:
    with swapping(drive, "inside", "link"):
        race(LinuxDisk(drive), "C:\\inside\\f{}", lambda put_, refused: bool(put_ and refused))
    assert os.listdir(drive.parent / "outside") == ["theirs"]


def test_a_name_that_is_swapped_for_a_link_is_replaced_itself(drive: Path) -> None:
    (drive / "inside" / "x").write_text("plain")
    (drive / "inside" / "y").symlink_to("../../outside/theirs")
    with swapping(drive / "inside", "x", "y"):
        race(LinuxDisk(drive), "C:\\inside\\x", lambda put_, _: bool(put_), overwrite=True)
    assert (drive.parent / "outside" / "theirs").read_text() == "theirs"


def test_a_disk_that_follows_links_is_caught_by_where_the_folder_lies(drive: Path) -> None:
    disk = LinuxDisk(drive, follows=True)
    with pytest.raises(Refused, match=r"is a link to Z:.*outside, and nothing is written"):
        put(disk, "C:\\link\\x", b"")


def test_the_race_is_lost_where_the_way_is_not_looked_at(
    drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rig sees a build that is broken on purpose."""
    monkeypatch.setattr("endpoint_shim.windows.walking._refuse_unless_folder_in", lambda *_: None)
    with swapping(drive, "inside", "link"):
        disk, outside = LinuxDisk(drive, follows=True), drive.parent / "outside"
        race(disk, "C:\\inside\\f{}", lambda *_: len(os.listdir(outside)) > 1)


def test_a_file_that_is_given_up_leaves_nothing(drive: Path) -> None:
    draft = Draft("C:\\inside\\x", Policy(), LinuxDisk(drive))
    draft.write(b"abc")
    draft.close()
    draft.close()
    assert os.listdir(drive / "inside") == []
