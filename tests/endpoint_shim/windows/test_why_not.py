"""A program that Windows does not start is named, with what forbids it."""

import pytest

from commands.language.errors import Failed, Refused
from endpoint_shim.windows.why_not import why_not


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (1260, Refused, "AppLocker forbids it"),
        (4551, Refused, "WDAC"),
        (225, Refused, "virus scanner"),
        (740, Refused, "administrator's consent"),
        (193, Failed, "no program that this system runs"),
        (216, Failed, "another kind of processor"),
        (1450, Failed, "Windows error 1450"),
    ],
)
def test_the_reason_is_said(number: int, kind: type[Exception], words: str) -> None:
    error = why_not(number, "C:\\s\\x.exe")
    assert type(error) is kind
    assert str(error).startswith("C:\\s\\x.exe") and words in str(error)
