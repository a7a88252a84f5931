"""Security descriptors as text: who may change what, by lists that Windows really has."""

import pytest

from endpoint_shim.windows import sddl

OWN = "S-1-5-21-1-2-3-1001"
PRIVATE = "O:BAG:SYD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
# icacls of a fresh Windows 10: C:\, C:\ProgramData, C:\Program Files.
DRIVE = (
    "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:SYD:PAI"
    "(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)(A;OICIIO;SDGXGWGR;;;AU)(A;;LC;;;AU)"
)
PROGRAM_DATA = (
    "O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)"
    "(A;CI;DCLCRPCR;;;BU)"
)
PROGRAM_FILES = (
    "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:SYD:PAI(A;;0x1301bf;;;SY)"
    "(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;BA)(A;OICIIO;GA;;;BA)(A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)"
)


@pytest.mark.parametrize("text", [PRIVATE, DRIVE, PROGRAM_DATA, PROGRAM_FILES])
def test_folders_on_the_way_that_windows_comes_with_are_well(text: str) -> None:
    assert sddl.changers(text, OWN, sddl.REPLACE) == []


@pytest.mark.parametrize("text", [PRIVATE, PROGRAM_FILES, f"O:{OWN}D:P(A;;FA;;;{OWN})"])
def test_a_private_folder_and_program_files_are_well(text: str) -> None:
    assert sddl.changers(text, OWN, sddl.CHANGE) == []


@pytest.mark.parametrize(
    ("text", "who"),
    [
        (PROGRAM_DATA, ["the group Users"]),
        ("O:BAD:(A;;FW;;;WD)", ["everyone"]),
        ("O:BAD:(A;;0x1301bf;;;AU)", ["every account that has signed in"]),
        ("O:BAD:(A;;WO;;;S-1-5-21-9-9-9-1005)", ["S-1-5-21-9-9-9-1005"]),
        ("O:BAD:(A;;GXGW;;;IU)", ["whoever sits at the device"]),
        ("O:S-1-5-21-9-9-9-1005D:(A;;FA;;;SY)", ["S-1-5-21-9-9-9-1005"]),
        ("O:BAD:NO_ACCESS_CONTROL", ["everyone"]),
        ("O:BA", ["everyone"]),
        ("O:BAD:(A;;ZZ;;;BU)", ["the group Users"]),
        ('O:BAD:(XA;;FA;;;BU;(WIN://x == "y"))', ["the group Users"]),
    ],
)
def test_whoever_else_may_change_it_is_named(text: str, who: list[str]) -> None:
    assert sddl.changers(text, OWN, sddl.CHANGE) == who


def test_who_only_reads_or_is_denied_changes_nothing() -> None:
    text = "O:BAD:(D;;FA;;;BU)(A;;FR;;;WD)(A;OICIIO;FA;;;WD)(A;;FX;;;BU)"
    assert sddl.changers(text, OWN, sddl.CHANGE) == []
