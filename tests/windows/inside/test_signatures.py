"""Whose a program is, by the signatures of real signed files."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from endpoint_shim.windows.kernel import ntdll
from endpoint_shim.windows.signatures import by_microsoft

PYTHON = Path(sys.base_prefix)
IN_WINE = hasattr(ntdll, "wine_get_version")


def test_what_microsoft_signed_is_microsofts() -> None:
    assert by_microsoft(str(PYTHON / "vcruntime140.dll"))


def test_what_only_a_catalog_of_microsofts_names_is_too() -> None:
    found = by_microsoft(os.path.join(os.environ["SYSTEMROOT"], "System32", "cmd.exe"))
    assert found == (not IN_WINE)  # which has no catalogs, and a cmd.exe of its own


def test_what_others_signed_is_not() -> None:
    assert not by_microsoft(str(PYTHON / "python311.dll"))


def test_a_byte_more_or_other_and_it_is_nobodys(tmp_path: Path) -> None:
    changed = tmp_path / "changed.dll"
    shutil.copy(PYTHON / "vcruntime140.dll", changed)
    data = bytearray(changed.read_bytes())
    data[0x2000] ^= 1
    changed.write_bytes(data)
    assert not by_microsoft(str(changed))


def test_an_unsigned_one_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no program")
    assert not by_microsoft(str(tmp_path / "a.txt"))


def test_one_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        by_microsoft(str(PYTHON / "none.exe"))
