"""The tags that a Windows device proposes stand in the registry, as several strings or as one."""

import winreg
from collections.abc import Iterator
from pathlib import Path

import pytest

from endpoint_shim.tags import proposed
from endpoint_shim.windows.wished_tags import KEY, VALUE


@pytest.fixture
def key() -> Iterator[winreg.HKEYType]:
    with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, KEY) as made:
        yield made
    winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, KEY)


def test_without_a_value_nothing_is_proposed() -> None:
    assert proposed(Path()) == ()


def test_several_strings_or_one_with_commas_are_tags(key: winreg.HKEYType) -> None:
    winreg.SetValueEx(key, VALUE, 0, winreg.REG_MULTI_SZ, ["web", " Lab", "two words"])
    assert proposed(Path()) == ("web", "Lab")
    winreg.SetValueEx(key, VALUE, 0, winreg.REG_SZ, "web, lab,WEB,,-x")
    assert proposed(Path()) == ("web", "lab")


@pytest.mark.parametrize("kind", ["dword", "binary"])
def test_a_value_of_another_kind_is_none(key: winreg.HKEYType, kind: str) -> None:
    if kind == "dword":
        winreg.SetValueEx(key, VALUE, 0, winreg.REG_DWORD, 7)
    else:
        winreg.SetValueEx(key, VALUE, 0, winreg.REG_BINARY, b"web")
    assert proposed(Path()) == ()
