"""The screen that is written for: its size, and whether it takes colour (console.md, rule 4)."""

import datetime
from dataclasses import dataclass

BOLD, DIM, RED, YELLOW = "1", "2", "31", "33"


@dataclass(frozen=True)
class Style:
    """`terminal` False: natural width, nothing cut, no footer, no colour."""

    terminal: bool
    columns: int = 80
    rows: int = 24
    color: bool = False
    plain: bool = False
    zone: datetime.tzinfo | None = None
    """Where the times of tables and lists are; None is UTC."""

    @property
    def width(self) -> int:
        """What a line may take: the last column stays free, or some terminals wrap there."""
        return max(self.columns, 20) - 1


def _in(sgr: str, text: str, style: Style) -> str:
    if not (style.terminal and style.color and text):
        return text
    return "\n".join(f"\x1b[{sgr}m{line}\x1b[0m" if line else line for line in text.split("\n"))


def bold(text: str, style: Style) -> str:
    """Titles."""
    return _in(BOLD, text, style)


def dim(text: str, style: Style) -> str:
    """Footers."""
    return _in(DIM, text, style)


def red(text: str, style: Style) -> str:
    """The class words of errors."""
    return _in(RED, text, style)


def yellow(text: str, style: Style) -> str:
    """Flags, suspicious, damaged."""
    return _in(YELLOW, text, style)
