"""A program of ours with a wall clock that a test sets: `python -c` text for the rig.

The clock is wrong by the seconds that stand in a file, read at every look, so it can jump.
"""

from collections.abc import Sequence
from pathlib import Path

TEXT = """\
import datetime, pathlib, runpy, sys, time
place = pathlib.Path({place!r})
true_s, true_ns = time.time, time.time_ns
def wrong():
    return float(place.read_text())
time.time = lambda: true_s() + wrong()
time.time_ns = lambda: true_ns() + int(wrong() * 1e9)
if {module!r} == "server":
    from server.audit import clock
    clock.moment = lambda: (
        datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=wrong()))
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


class WrongClock:
    """The clock of one program."""

    def __init__(self, place: Path, module: str) -> None:
        self._place = place
        self.program: Sequence[str] = ("-c", TEXT.format(place=str(place), module=module))
        self.set(0)

    def set(self, seconds: float) -> None:
        """From now on it is wrong by so much."""
        beside = self._place.with_suffix(".new")
        beside.write_text(str(seconds))
        beside.rename(self._place)
