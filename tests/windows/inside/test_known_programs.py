"""A program that a rule names by its file or its package: only from where administrators put it."""

import shutil
import sys
import winreg
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.language.visible import visible
from endpoint_shim import private
from endpoint_shim.windows.known_programs import APP_PATHS, of_package, places
from tests.windows.inside.access_lists import open_to_everyone

NAME = "fireline-check-app.exe"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    private.make_folder(tmp_path / "app")
    shutil.copy(sys.executable, tmp_path / "app" / NAME)
    return tmp_path / "app" / NAME


@pytest.fixture
def registered(program: Path) -> Iterator[str]:
    path = rf"{APP_PATHS}\{NAME}"
    try:
        with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            winreg.SetValueEx(key, "", 0, winreg.REG_SZ, f'"{program}"')
    except PermissionError:
        pytest.skip("needs an elevated prompt")
    yield path
    winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, path)


def test_what_is_registered_for_the_machine_is_found_with_or_without_its_ending(
    registered: str, program: Path
) -> None:
    assert places(NAME) == places(NAME.removesuffix(".exe")) == ([str(program)], "")


def test_what_others_can_replace_is_left_out_with_the_reason(
    registered: str, program: Path
) -> None:
    open_to_everyone(program.parent)
    found, why = places(NAME)
    assert found == [] and "can be changed by everyone" in why


def test_a_registration_that_names_another_program_is_none(registered: str) -> None:
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, registered, 0, winreg.KEY_WRITE) as key:
        winreg.SetValueEx(key, "", 0, winreg.REG_SZ, sys.executable)
    assert places(NAME) == ([], f"no program {NAME} on this device")


def test_what_a_user_registered_counts_for_nothing(program: Path) -> None:
    path = rf"{APP_PATHS}\{NAME}"
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, path) as key:
        winreg.SetValueEx(key, "", 0, winreg.REG_SZ, str(program))
    try:
        assert places(NAME)[0] == []
    finally:
        winreg.DeleteKey(winreg.HKEY_CURRENT_USER, path)


def test_a_whole_path_is_itself_and_a_running_program_no_place() -> None:
    assert places(sys.executable) == ([sys.executable], "")
    assert places("python.exe")[0] == []


def test_a_program_on_the_network_is_none_and_nobody_signs_in_there() -> None:
    for path in (r"\\server\share\x.exe", "//server/share/x.exe", r"\\.\pipe\x", "a\\\0"):
        found, why = places(path)
        assert found == [] and why


def test_windows_own_programs_are_where_windows_has_them() -> None:
    found, _ = places("svchost")
    assert [one.lower() for one in found] == [r"c:\windows\system32\svchost.exe"]


def test_what_is_no_name_and_a_package_that_is_not_here_say_so() -> None:
    for name in ("a\0b", "con:", "a|b", "*.exe"):
        assert places(name) == ([], f"{visible(name)} is no program's name")
    for family in ("Nobody.Made_8wekyb3d8bbwe", "no-publisher", "..\\.._x", ".*_.*"):
        assert of_package(family) == ([], f"no package {family} on this device")
