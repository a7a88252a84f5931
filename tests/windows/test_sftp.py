"""The stock sftp and scp on a Windows device: its drives, its names, its files."""

import os
from pathlib import Path

import pytest

from tests.windows.live import Live

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh", "sftp", "scp"),
]
BIG = os.urandom(1 << 20) * 3 + b"\r\n\x1aend"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder that the device calls Z:\\..., with names that clients trip over."""
    there = tmp_path / "there"
    (there / "sub").mkdir(parents=True)
    (there / "sub" / "big").write_bytes(BIG)
    (there / "empty").touch()
    for name in ("dot.", "con", "it's [1] \u00fc\u2603\U0001f600.txt"):
        (there / name).write_text(name)
    return there


def at(live: Live, path: Path) -> str:
    return f"/devices/{live.device}/Z{path}"


def test_a_device_has_its_fixed_drives_at_the_top(live: Live) -> None:
    ran = live.sftp(f"ls -1 /devices/{live.device}")
    assert (ran.status, ran.err) == (0, "")
    names = [line.strip().rpartition("/")[2] for line in ran.out.splitlines()[1:]]
    assert names == ["C", "Z"]


def test_a_drive_is_a_folder_in_any_case_of_its_letter(live: Live) -> None:
    for letter in ("C", "c"):
        ran = live.sftp(f"ls -1 /devices/{live.device}/{letter}/windows")
        assert ran.status == 0 and "/notepad.exe" in ran.out


def test_scp_copies_a_tree_with_names_that_windows_programs_trip_over(
    live: Live, there: Path, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    ran = live.client("scp", "-rp", f"fireline:{at(live, there)}", str(here))
    assert (ran.status, ran.err) == (0, "")
    assert sorted(os.listdir(here)) == sorted(os.listdir(there))
    assert (here / "sub" / "big").read_bytes() == BIG
    assert (here / "con").read_text() == "con" and (here / "empty").stat().st_size == 0
    assert int((here / "empty").stat().st_mtime) == int((there / "empty").stat().st_mtime)


def test_what_is_no_drive_and_no_name_is_not_there(live: Live, there: Path) -> None:
    top = f"/devices/{live.device}"
    for path in (
        *(f"{top}/Q/x", f"{top}/root/etc", f"{top}/CC", f"{top}/C/windows/none"),
        f"{top}/Z{there.parent}/there\\\\empty",
    ):
        ran = live.sftp(f'ls -1 "{path}"')
        assert ran.status == 1 and "not found" in ran.err, (path, ran)


def test_a_login_for_the_device_has_its_drives_as_windows_openssh_has_them(
    live: Live, there: Path, tmp_path: Path
) -> None:
    who, got = f"User=alice~{live.device}", tmp_path / "got"
    lines = (
        "pwd", "ls -1 /", f"get /Z:{there}/sub/big {got}", "ls /devices",
    )  # fmt: skip
    given = "".join(f"{line}\n" for line in lines).encode()
    ran = live.client("sftp", "-q", "-b", "-", "-o", who, "fireline", given=given)
    assert "Remote working directory: /C:/users/" in ran.out
    assert "\n/C:\n/Z:\n" in ran.out.replace(" ", "")
    assert got.read_bytes() == BIG
    assert ran.status == 1 and 'Can\'t ls: "/devices" not found' in ran.err
    again = live.client("scp", "-q", "-o", who, f"fireline:Z:{there}/sub/big", str(got))
    assert (again.status, got.read_bytes()) == (0, BIG)
