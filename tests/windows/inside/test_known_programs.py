"""A program that a rule names by its file: only from where administrators put it."""

import sys
import winreg
from collections.abc import Iterator

import pytest

from endpoint_shim.windows.known_programs import APP_PATHS, places

NAME = "fireline-check-app.exe"
WHOLE = rf"C:\Program Files\Check\{NAME}"


@pytest.fixture
def registered() -> Iterator[str]:
    path = rf"{APP_PATHS}\{NAME}"
    try:
        with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            winreg.SetValueEx(key, "", 0, winreg.REG_SZ, f'"{WHOLE}"')
    except PermissionError:
        pytest.skip("needs an elevated prompt")
    yield path
    winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, path)


def test_what_is_registered_for_the_machine_is_found_with_or_without_its_ending(
    registered: str,
) -> None:
    assert places(NAME) == places(NAME.removesuffix(".exe")) == [WHOLE]


def test_a_registration_that_names_another_program_is_none(registered: str) -> None:
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, registered, 0, winreg.KEY_WRITE) as key:
        winreg.SetValueEx(key, "", 0, winreg.REG_SZ, r"C:\Users\Public\evil.exe")
    assert places(NAME) == []


def test_what_a_user_registered_counts_for_nothing() -> None:
    path = rf"{APP_PATHS}\fireline-check-user.exe"
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, path) as key:
        winreg.SetValueEx(key, "", 0, winreg.REG_SZ, r"C:\Users\Public\fireline-check-user.exe")
    try:
        assert places("fireline-check-user.exe") == []
    finally:
        winreg.DeleteKey(winreg.HKEY_CURRENT_USER, path)


def test_a_whole_path_is_itself_and_a_running_program_no_place() -> None:
    assert places(sys.executable) == [sys.executable]
    assert places("python.exe") == []


def test_windows_own_programs_are_where_windows_has_them() -> None:
    assert [one.lower() for one in places("svchost")] == [r"c:\windows\system32\svchost.exe"]
