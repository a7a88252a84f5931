"""How long a soak goes: `make soak MINUTES=N` gives each of its tests so long, else its end."""

import os
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def seconds(most: float) -> float:
    """What a test may take that would take so long."""
    given = os.environ.get("FIRELINE_SOAK_MINUTES", "")
    return min(most, float(given) * 60) if given else most


def within(rounds: Iterable[T]) -> Iterator[T]:
    """The rounds, at least one of them, while there is time."""
    end = time.monotonic() + seconds(float("inf"))
    for one in rounds:
        yield one
        if time.monotonic() > end:
            return
