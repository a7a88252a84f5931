"""The one escaper: text that a device or a person gave, made harmless and visible.

Controls, format characters (all bidirectional and zero-width ones), surrogates, unassigned
characters and stray bytes become `\\x1b` or `\\u{202e}` (console.md, rule 17).
"""

import re
import unicodedata
from functools import lru_cache

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_PLAIN = re.compile(r"[ -~]*\Z")
# Letters by category, but drawn as nothing (Unicode Default_Ignorable_Code_Point).
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5")


@lru_cache(maxsize=8192)
def _harmless(char: str) -> bool:
    return (
        unicodedata.category(char) not in _HIDDEN
        and char not in _BLANKS
        and not (0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF)
    )


def _escaped(char: str) -> str:
    point = ord(char)
    if 0xDC80 <= point <= 0xDCFF:  # a stray byte, as surrogateescape keeps it
        return f"\\x{point - 0xDC00:02x}"
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{{{point:x}}}"


@lru_cache(maxsize=16)
def _questionable(keep: str) -> re.Pattern[str]:
    """One character that is neither plain ASCII nor kept: large output passes at full speed."""
    return re.compile(f"[^ -~{re.escape(keep)}]")


def visible(text: str, keep: str = "") -> str:
    """`text` with everything unseen written out; characters in `keep` pass unchanged."""
    return _questionable(keep).sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    char = found[0]
    return char if _harmless(char) else _escaped(char)


def visible_bytes(data: bytes, keep: str = "") -> str:
    """UTF-8 bytes as visible text; a byte that is not UTF-8 becomes `\\xff`."""
    return visible(data.decode("utf-8", "surrogateescape"), keep)


def is_clean(text: str) -> bool:
    """Whether `text` reaches a terminal as it is: what is seen is what is there."""
    return bool(_PLAIN.match(text)) or all(map(_harmless, text))


def visible_name(text: str) -> str:
    """A name in a table or message: visible, and quoted where a blank at an end would hide."""
    return ends_quoted(visible(text))


def ends_quoted(shown: str) -> str:
    """Quoted where a blank of any kind stands at an end."""
    return f'"{shown}"' if shown != shown.strip() else shown
