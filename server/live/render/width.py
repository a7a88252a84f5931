"""Display width: how many columns text takes, cutting and wrapping by it.

Counted character by character, as terminals do it; clusters are never joined.
"""

from wcwidth import wcwidth

ELLIPSIS = "…"
BREAKS = " /\\"
NEAR = 4


def width(text: str) -> int:
    """Columns on the screen; visible text has no controls, so it is never negative."""
    return len(text) if text.isascii() else sum(max(wcwidth(char), 0) for char in text)


def cut(text: str, columns: int) -> str:
    """`text` in at most `columns`, ended by an ellipsis where some is gone.

    A break between words or path parts that is near is preferred to half a word.
    """
    if width(text) <= columns:
        return text
    kept = head(text, columns - 1)
    near = max(kept.rfind(mark) for mark in BREAKS)
    if near > 0 and len(kept) - near <= NEAR:
        kept = kept[:near]
    return kept.rstrip(" ") + ELLIPSIS


def head(text: str, columns: int) -> str:
    """As much of the start as `columns` hold."""
    if text.isascii():
        return text[: max(columns, 0)]
    used = 0
    for at, char in enumerate(text):
        used += max(wcwidth(char), 0)
        if used > columns:
            return text[:at]
    return text


def padded(text: str, columns: int, right: bool = False) -> str:
    """`text` filled with blanks up to `columns`."""
    gap = " " * max(columns - width(text), 0)
    return gap + text if right else text + gap


def wrapped(text: str, columns: int) -> list[str]:
    """`text` in lines of at most `columns`, broken at blanks where there are any."""
    lines: list[str] = []
    for line in text.split("\n"):
        lines += _wrapped_line(line, max(columns, 2))
    return lines


def _wrapped_line(line: str, columns: int) -> list[str]:
    lines: list[str] = []
    while width(line) > columns:
        fitting = head(line, columns) or line[0]
        # A blank right after the piece is as good a place as one inside it.
        at = len(fitting) if line[len(fitting)] == " " else fitting.rfind(" ")
        if at <= 0:
            lines.append(fitting)
            line = line[len(fitting) :]
        else:
            lines.append(line[:at].rstrip(" "))
            line = line[at + 1 :]
    return [*lines, line]
