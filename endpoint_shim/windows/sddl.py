"""Who may change a file, read from its security descriptor's text (SDDL); pure.

The codes are those of "ACE Strings" and "SID Strings" in Microsoft's documentation, the bits those
of winnt.h. Denials are not counted: a list that needs one to be safe is not one to trust.
"""

import re
from dataclasses import dataclass

ADD, APPEND, DELETE_CHILD = 0x2, 0x4, 0x40
DELETE, WRITE_LIST, WRITE_OWNER = 0x10000, 0x40000, 0x80000
GENERIC_ALL, GENERIC_WRITE = 0x10000000, 0x40000000
REPLACE = DELETE | DELETE_CHILD | WRITE_LIST | WRITE_OWNER | GENERIC_ALL
"""With one of these on a folder what lies in it is taken away, and something else put there."""
CHANGE = REPLACE | ADD | APPEND | GENERIC_WRITE
# As they are for files: DC there is "write data", not a directory service's "delete child".
_BITS = {
    "CC": 0x1,
    "DC": 0x2,
    "LC": 0x4,
    "SW": 0x8,
    "RP": 0x10,
    "WP": 0x20,
    "DT": 0x40,
    "LO": 0x80,
    "CR": 0x100,
    "SD": DELETE,
    "RC": 0x20000,
    "WD": WRITE_LIST,
    "WO": WRITE_OWNER,
    "GA": GENERIC_ALL,
    "GR": 0x80000000,
    "GW": GENERIC_WRITE,
    "GX": 0x20000000,
    "FA": 0x1F01FF,
    "FR": 0x120089,
    "FW": 0x120116,
    "FX": 0x1200A0,
}
TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
TRUSTED = frozenset({"SY", "BA", "S-1-5-18", "S-1-5-32-544", TRUSTED_INSTALLER})
NAMES = {
    "WD": "everyone",
    "BU": "the group Users",
    "AU": "every account that has signed in",
    "IU": "whoever sits at the device",
    "S-1-1-0": "everyone",
    "S-1-5-11": "every account that has signed in",
    "S-1-5-32-545": "the group Users",
}
_OWNER = re.compile(r"O:(S-[0-9-]+|[A-Z]{2})")
_LIST = re.compile(r"D:([A-Z_]*)((?:\([^)]*\))*)")


@dataclass(frozen=True)
class Entry:
    """One allowance: for whom, and the bits."""

    account: str
    bits: int


def owner(text: str) -> str:
    """The owner's SID, or its two letters."""
    found = _OWNER.search(text)
    return found[1] if found else ""


def allowances(text: str) -> list[Entry] | None:
    """What is allowed on the thing itself; None where everything is, for there is no list."""
    found = _LIST.search(text)
    if found is None or "NO_ACCESS_CONTROL" in found[1]:
        return None
    entries = []
    for one in re.findall(r"\(([^)]*)\)", found[2]):
        kind, flags, rights, _, _, account, *_ = [*one.split(";"), *[""] * 6][:7]
        pairs = {flags[at : at + 2] for at in range(0, len(flags), 2)}
        if kind in ("A", "XA", "OA") and "IO" not in pairs:
            entries.append(Entry(account, bits(rights)))
    return entries


def bits(rights: str) -> int:
    """The mask of an entry's rights; what is not known counts as everything."""
    if rights.startswith("0x"):
        return int(rights, 16)
    mask = 0
    for at in range(0, len(rights), 2):
        mask |= _BITS.get(rights[at : at + 2], CHANGE)
    return mask


def changers(text: str, own: str, wanted: int) -> list[str]:
    """Who besides the system, its administrators and `own` has one of the wanted bits."""
    trusted = TRUSTED | {own}
    found = allowances(text)
    if found is None:
        return [NAMES["WD"]]
    names = [one.account for one in found if one.bits & wanted and one.account not in trusted]
    if (owned := owner(text)) and owned not in trusted:
        names.append(owned)
    return [NAMES.get(name, name) for name in dict.fromkeys(names)]
