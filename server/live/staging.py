"""How a change goes over many devices: in stages, and until how many failed; pure.

    -stage 1,10,all   one device first, then ten, then the rest; each when the one before is over
    -stop 5%          no more are begun once so many of all failed; -stop 3: once three did

With stages and without -stop the first that fails stops it. A device that is not reached fails
nothing and fills no stage.
"""

import re
from dataclasses import dataclass

from commands.language.errors import NotUnderstood
from commands.language.visible import visible

MOST_STAGES = 20
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%", re.ASCII)


@dataclass(frozen=True)
class Stop:
    """When no more are begun."""

    text: str
    count: int | None = None
    percent: float | None = None

    def reached(self, failed: int, devices: int) -> bool:
        """Whether so many of so many are too many."""
        if self.count is not None:
            return failed >= self.count
        return failed > 0 and failed * 100 >= (self.percent or 0.0) * devices


@dataclass(frozen=True)
class Staging:
    """The stages' sizes, the last one open; and when it stops."""

    sizes: tuple[int, ...] = ()
    stop: Stop | None = None


ALL_AT_ONCE = Staging()


def staging(stage: str | None, stop: str | None) -> Staging:
    """What was typed; raises NotUnderstood."""
    sizes = () if stage is None else _sizes(stage)
    stops = None if stop is None else _stop(stop)
    if sizes and stops is None:
        stops = Stop("1", count=1)
    return Staging(sizes, stops)


def _sizes(text: str) -> tuple[int, ...]:
    *sizes, last = [part.strip().lower() for part in text.split(",")]
    fits = last == "all" and sizes and all(_NUMBER.fullmatch(size) for size in sizes)
    if not fits or len(sizes) >= MOST_STAGES:
        raise NotUnderstood(f"-stage is like 1,10,all; not {visible(text)[:40]}")
    return tuple(int(size) for size in sizes)


def _stop(text: str) -> Stop:
    if _NUMBER.fullmatch(text):
        return Stop(text, count=int(text))
    share = _SHARE.fullmatch(text)
    if share is None or not 0 < float(share[1]) <= 100:
        raise NotUnderstood(f"-stop is like 5% or 3; not {visible(text)[:40]}")
    return Stop(text, percent=float(share[1]))
