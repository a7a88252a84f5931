"""An access list as a person reads it, out of its SDDL text; pure."""

from collections.abc import Callable, Iterator

_KINDS = {"A": "", "D": "deny ", "OA": "", "OD": "deny ", "XA": "if its condition holds "}
# FILE_ALL_ACCESS and its parts, as SDDL writes them by name or by number (winnt.h).
_RIGHTS = {
    "FA": "full", "0x1f01ff": "full", "GA": "full", "FR": "read", "GR": "read", "0x120089": "read",
    "FW": "write", "GW": "write", "0x120116": "write", "FX": "execute", "GX": "execute",
    "0x1200a9": "read and execute", "GXGR": "read and execute", "0x1301bf": "modify",
    "0x12019f": "read and write",
}  # fmt: skip
NAMED = 40
"""So many entries are told; of the rest the number is said."""


def told(sddl: str, name_of: Callable[[str], str]) -> str:
    """`SYSTEM full, deny Users write, …`; `name_of` knows an account by its SID."""
    at = sddl.find("D:")
    if at < 0:
        return "no access list: everybody full"
    flags, *_ = sddl[at + 2 :].split("(", 1)
    if "NO_ACCESS_CONTROL" in flags:
        return "no access list: everybody full"
    entries = [entry.split(";") for entry in _bracketed(sddl[at:])]
    words = [_entry(entry, name_of) for entry in entries[:NAMED] if len(entry) >= 6]
    more = f" and {len(entries) - NAMED:,} more" if len(entries) > NAMED else ""
    return ", ".join(words) + more if words else "nobody"


def allowed(sddl: str) -> list[str]:
    """The accounts to which an access list gives anything, as it writes them."""
    entries = [entry.split(";") for entry in _bracketed(sddl[max(0, sddl.find("D:")) :])]
    return [entry[5] for entry in entries if len(entry) >= 6 and entry[0] in ("A", "OA", "XA")]


def _bracketed(text: str) -> Iterator[str]:
    """What stands in brackets; a condition has brackets of its own."""
    depth, begun = 0, 0
    for at, char in enumerate(text):
        if char == "(":
            depth, begun = depth + 1, at + 1 if not depth else begun
        elif char == ")":
            depth -= 1
            if not depth:
                yield text[begun:at]


def _entry(entry: list[str], name_of: Callable[[str], str]) -> str:
    kind, flags, rights, _, _, who = entry[:6]
    said = _RIGHTS.get(rights, rights)
    inherited = " (inherited)" if "ID" in _pairs(flags) else ""
    below = " (below it only)" if "IO" in _pairs(flags) else ""
    return f"{_KINDS.get(kind, f'{kind} ')}{name_of(who)} {said}{inherited}{below}"


def _pairs(flags: str) -> list[str]:
    return [flags[at : at + 2] for at in range(0, len(flags), 2)]
