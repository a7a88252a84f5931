"""Figures as rows: Fireline's, the other's, their ratio beside its aim; as a Markdown table."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

Timed = Callable[[], float]
"""Does it once; the seconds it took."""


@dataclass(frozen=True)
class Row:
    """One figure. `aim` bounds the ratio: from above, or from below where `at_least`."""

    what: str
    ours: str
    beside: str
    theirs: str
    ratio: float | None = None
    aim: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        if self.ratio is None or self.aim is None:
            return None
        return self.ratio >= self.aim if self.at_least else self.ratio <= self.aim

    def cells(self) -> list[str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}×"
        aim = "" if self.aim is None else f"{'≥' if self.at_least else '≤'} {self.aim:g}×"
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        return [self.what, self.ours, self.beside, self.theirs, ratio, aim, met]


HEAD = ["what", "Fireline", "beside", "it", "ratio", "aim", "met"]


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def alternate(rounds: int, ways: dict[str, Timed]) -> dict[str, list[float]]:
    """Every way once a round, another one first each time; the seconds of each, in order."""
    names = list(ways)
    took: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            took[name].append(ways[name]())
    return took


def middle(took: list[float]) -> float:
    return statistics.median(took)


def high(took: list[float], share: float = 0.99) -> float:
    return sorted(took)[max(0, int(len(took) * share) - 1)]


def ms(seconds: float) -> str:
    digits = 2 if seconds < 0.01 else 1 if seconds < 0.1 else 0
    return f"{seconds * 1000:.{digits}f} ms"
