"""The holes of one open file, out of the ranges that its system says are data; knows no platform.

A hole is what the file system says is one: nobody reads it to see. Where it cannot say, all is
data.
"""

from collections.abc import Callable, Iterator

from commands.language.holes import LEAST
from commands.language.host.files import Extent

MOST = 1 << 20
"""Ranges that are counted: what comes after so many counts as data."""

Ranges = Callable[[int], Iterator[tuple[int, int]]]
"""From an offset on, in order: where data begins and where it ends."""


def runs(ranges: Iterator[tuple[int, int]], at: int, size: int) -> Iterator[Extent]:
    """Data and holes by turns, from `at` to `size`; a hole that is too short to tell is data."""
    begun = at
    for start, stop in ranges:
        start, stop = min(max(start, at), size), min(stop, size)
        if start - at >= LEAST:
            if at > begun:
                yield Extent(at - begun)
            yield Extent(start - at, hole=True)
            begun = start
        at = max(start, stop)
    if size - at < LEAST:
        at = size
    if at > begun:
        yield Extent(at - begun)
    if size > at:
        yield Extent(size - at, hole=True)


def holes(ranges: Ranges, size: int) -> int:
    """Bytes that are in holes."""
    return sum(run.size for run in runs(_bounded(ranges(0), size), 0, size) if run.hole)


def extent(ranges: Ranges, at: int, size: int) -> Extent:
    """What begins at `at`."""
    return next(runs(ranges(at), at, size), Extent(0))


def _bounded(ranges: Iterator[tuple[int, int]], size: int) -> Iterator[tuple[int, int]]:
    for turn, (start, stop) in enumerate(ranges):
        yield start, size if turn == MOST else stop
        if turn == MOST:
            return
