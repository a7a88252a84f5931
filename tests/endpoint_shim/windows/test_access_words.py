"""Access lists in words."""

import pytest

from endpoint_shim.windows.access_words import NAMED, allowed, told


@pytest.mark.parametrize(
    ("sddl", "words"),
    [
        ("O:BAG:BAD:(A;;FA;;;SY)(A;ID;FR;;;BU)", "<SY> full, <BU> read (inherited)"),
        ("D:PAI(D;OICIIO;FW;;;WD)", "deny <WD> write (below it only)"),
        ("D:(A;;0x1;;;S-1-5-21-1)", "<S-1-5-21-1> 0x1"),
        ("D:(XA;;FX;;;WD;(Member_of {SID(BA)}))", "if its condition holds <WD> execute"),
        ("D:P", "nobody"),
        ("O:BA", "no access list: everybody full"),
        ("D:NO_ACCESS_CONTROL", "no access list: everybody full"),
    ],
)  # fmt: skip
def test_an_entry_says_who_may_do_what(sddl: str, words: str) -> None:
    assert told(sddl, lambda sid: f"<{sid}>") == words


def test_a_long_list_says_how_many_more_there_are() -> None:
    sddl = "D:" + "(A;;FA;;;SY)" * (NAMED + 7)
    assert told(sddl, str).endswith(" and 7 more")


def test_who_is_let_in_is_told_without_who_is_kept_out() -> None:
    assert allowed("O:WDG:WDD:P(A;;FA;;;SY)(D;;FA;;;WD)(XA;;FR;;;BU;(a(b)))") == ["SY", "BU"]
    assert allowed("O:BA") == []
