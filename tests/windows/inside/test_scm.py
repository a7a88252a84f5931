"""What the service control manager is given: a command line that Windows reads as it was meant."""

import ctypes
from ctypes import POINTER, wintypes

import pytest

from commands.language.errors import Refused
from endpoint_shim.windows import scm

shell32 = ctypes.WinDLL("shell32")
shell32.CommandLineToArgvW.restype = POINTER(wintypes.LPWSTR)
shell32.CommandLineToArgvW.argtypes = [wintypes.LPCWSTR, POINTER(ctypes.c_int)]


def read(line: str) -> list[str]:
    count = ctypes.c_int()
    found = shell32.CommandLineToArgvW(line, ctypes.byref(count))
    return [found[number] or "" for number in range(count.value)]


@pytest.mark.parametrize(
    "words",
    [
        ["C:\\Fireline\\fireline-endpoint.exe", "--state", "C:\\ProgramData\\x", "service", "run"],
        ["C:\\Program Files\\Fire line\\x.exe", "--state", "C:\\a b\\", "service"],
        ["C:\\x.exe", 'a"b', "", "\\\\", "c\\ d\\"],
    ],
)
def test_a_service_starts_with_the_words_it_was_installed_with(words: list[str]) -> None:
    line = scm.command_line(words)
    assert line.startswith('"') and read(line) == words


def test_a_program_with_a_quote_in_its_path_is_refused() -> None:
    with pytest.raises(Refused, match="no place for a program"):
        scm.command_line(['C:\\a"b.exe'])


def test_structures_are_as_long_as_windows_has_them() -> None:
    """winsvc.h on 64 bits; an offset that is wrong would be read as another field."""
    lengths = {
        scm.Status: 28,
        scm._Process: 36,
        scm._Failure: 40,
        scm._Action: 8,
        scm._Config: 64,
        scm._Description: 8,
        scm._Flag: 4,
    }
    assert {one: ctypes.sizeof(one) for one in lengths} == lengths
