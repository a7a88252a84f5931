"""`make demo-windows`: a stock ssh client, the real broker, the shim in Wine as a second device."""

import pytest

from tests.windows.live import Live

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh"),
]


def test_processes_of_windows_and_of_linux_have_the_same_columns(live: Live) -> None:
    windows = live.rows(f"on {live.device} processes")
    linux = live.rows(f"on {live.device.removesuffix('-windows')} processes")
    assert "services.exe" in [row["name"] for row in windows]
    assert set(windows[0]) == set(linux[0])


def test_a_folder_of_windows_is_listed_under_its_own_paths(live: Live) -> None:
    found = {row["path"]: row for row in live.rows(f"on {live.device} dir C:\\windows")}
    assert found["C:\\windows\\system32"]["is_directory"]
    assert found["C:\\windows\\notepad.exe"]["size"] > 0


def test_a_responder_walks_through_folders_and_takes_a_file(live: Live) -> None:
    lines = "cd windows\npwd\ngetfile notepad.exe\ncd ..\\..\npwd\nexit\n"
    ran = live.ssh(f"connect {live.device}", lines)
    assert ran.status == 0, ran.err
    assert "C:\\windows\n" in ran.out and "C:\\\n" in ran.out
    assert f"same digest on {live.device} and here" in ran.out + ran.err


def test_what_is_not_there_is_a_failure_that_names_it(live: Live) -> None:
    ran = live.on("dir C:\\none")
    assert ran.status == 1 and "C:\\none does not exist" in ran.err
