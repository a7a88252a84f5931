"""How long processes stood in the queue for a processor: a delay that is the machine's, not ours.

Linux counts it for each thread: Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path


def delay_of(what: Callable[[], object], *pids: int) -> float:
    """The seconds that it took, without those in which this thread or the first one of a process
    could have gone on and had no processor. They stand one behind another on a keystroke's way."""
    threads = ["thread-self", *(f"{pid}/task/{pid}" for pid in pids)]
    before, began = _queued(threads), time.perf_counter()
    what()
    took, after = time.perf_counter() - began, _queued(threads)
    return took - sum(after[one] - before[one] for one in before.keys() & after.keys())


def _queued(threads: list[str]) -> dict[str, float]:
    """Of each thread that is still there."""
    found = {}
    for thread in threads:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            text = Path(f"/proc/{thread}/schedstat").read_text()
            found[thread] = int(text.split()[1]) / 1e9
    return found
