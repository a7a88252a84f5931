"""Names in the zip that are good on every system that may open it; pure.

1. No part is empty, `.` or `..`, ends in a dot or blank, or is a device of Windows'; no character
   is one that Windows or a terminal takes for another thing. What it was stands in MANIFEST.json.
2. No two members have names that differ by case or by composition alone, and none is where
   another one's folder is: the later one gets `~2`.
3. What is long is cut, with a digest of the whole.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from commands.language.names import Name, shown, text
from commands.language.visible import visible

_UNSAFE = re.compile(r'[<>:"/\\|?*]')
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}
    | {f"{kind}{number}" for kind in ("COM", "LPT") for number in "0123456789¹²³"}
)
LONGEST_PART = 96
LONGEST = 200
"""Of a whole name: with a folder before it, Windows still opens it."""


class MemberNames:
    """Those of one package; `taken` are names at its top that are its own."""

    def __init__(self, taken: Sequence[str]) -> None:
        self._used = {_key(name) for name in taken}
        self._folders: dict[tuple[str, ...], str] = {}
        self._turns: dict[str, int] = {}
        """The next number for names that are one, so that the many are not looked through."""

    def of(self, parts: Sequence[str]) -> str:
        """A new member's name, as like its wanted parts as it may be."""
        folder, last = tuple(parts[:-1]), parts[-1]
        whole = self._free(self._folder(folder), last)
        if len(whole) > LONGEST and len(folder) > 1:
            digest = hashlib.sha256("/".join(folder).encode("utf-8", "replace")).hexdigest()[:16]
            whole = self._free(self._folder((folder[0], f"~{digest}")), last)
        self._used.add(_key(whole))
        return whole

    def _folder(self, parts: tuple[str, ...]) -> str:
        if not parts:
            return ""
        if parts not in self._folders:
            whole = self._free(self._folder(parts[:-1]), parts[-1])
            self._used.add(_key(whole))
            self._folders[parts] = whole
        return self._folders[parts]

    def _free(self, folder: str, part: str) -> str:
        plain = safe(part)
        before, dot, after = plain.rpartition(".")
        stem, ending = (before, dot + after) if before and len(after) < 16 else (plain, "")
        whole = first = _below(folder, plain)
        turn = self._turns.get(_key(first), 2)
        while _key(whole) in self._used:
            whole, turn = _below(folder, f"{stem}~{turn}{ending}"), turn + 1
            self._turns[_key(first)] = turn
        return whole


def safe(part: str) -> str:
    """One part of a name."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", visible(_plain(Name(part)))))
    plain = "".join(char if char.isprintable() else "_" for char in plain)
    body = plain.rstrip(". ")
    plain = body + "_" * (len(plain) - len(body)) or "_"
    if plain.split(".")[0].rstrip().upper() in _DEVICES:
        plain = f"_{plain}"
    if plain[0] == " ":
        plain = f"_{plain[1:]}"
    if len(plain.encode()) > LONGEST_PART:
        digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        ending = re.search(r"\.[A-Za-z0-9]{1,10}\Z", plain)
        plain = f"{_cut(plain, LONGEST_PART - 20)}~{digest}{ending[0] if ending else ''}"
    return plain


def _plain(name: Name) -> str:
    exact = text(name)
    return shown(name) if exact is None else exact


def _cut(name: str, most: int) -> str:
    return name.encode()[:most].decode("utf-8", "ignore").rstrip(". ")


def _below(folder: str, part: str) -> str:
    return f"{folder}/{part}" if folder else part


def _key(name: str) -> str:
    """The same for what some system takes for the same name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())
