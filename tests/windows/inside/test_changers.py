"""Who could change a folder, as Windows' own access lists say."""

import ctypes
from pathlib import Path

from endpoint_shim import policy, private
from endpoint_shim.windows import access, changers, sddl
from endpoint_shim.windows.accounts import advapi32
from endpoint_shim.windows.kernel import kernel32

FILE_OBJECT, LIST, CUT = access.FILE_OBJECT, access.LIST, access.CUT


def test_a_private_folder_is_well(tmp_path: Path) -> None:
    private.make_folder(tmp_path / "state")
    assert changers.of(tmp_path / "state", above=False) == ""


def open_to_everyone(path: Path) -> None:
    text = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;WD)"
    descriptor, there = ctypes.c_void_p(), ctypes.c_void_p()
    flags = [ctypes.c_int(), ctypes.c_int()]
    assert advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(
        text, 1, ctypes.byref(descriptor), None
    )
    assert advapi32.GetSecurityDescriptorDacl(
        descriptor, ctypes.byref(flags[0]), ctypes.byref(there), ctypes.byref(flags[1])
    )
    set_list = ctypes.WinDLL("advapi32").SetNamedSecurityInfoW
    set_list.argtypes = [
        *(ctypes.c_wchar_p, ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p),
        *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
    ]
    told = set_list(str(path), FILE_OBJECT, LIST | CUT, None, None, there, None)
    kernel32.LocalFree(descriptor)
    assert told == 0


def test_a_folder_that_everyone_may_write_is_named(tmp_path: Path) -> None:
    private.make_folder(tmp_path / "open")
    open_to_everyone(tmp_path / "open")
    sentence = changers.of(tmp_path / "open", above=False)
    assert "can be changed by" in sentence and sddl.NAMES["WD"] in sentence


def test_a_policy_that_everyone_may_write_denies_every_word(tmp_path: Path) -> None:
    private.make_folder(tmp_path / "state")
    place = tmp_path / "state" / "policy.toml"
    place.write_text('deny = ["shell"]\n')
    assert policy.load(place).error == "" and policy.load(place).deny == {"shell": 1}
    open_to_everyone(place)
    assert "it can be changed by everyone; only administrators may" in policy.load(place).error
