"""What makes a process run before all others, stay in memory and outlive a shortage of it."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

PRIORITY = 5
_MCL_CURRENT, _MCL_FUTURE = 1, 2


def run_first() -> None:
    """This thread, before all that are ordinary; what it starts is ordinary again."""
    os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))


@contextlib.contextmanager
def first() -> Iterator[None]:
    """The same for a moment; nothing where it is not allowed."""
    try:
        run_first()
    except OSError:
        yield
        return
    try:
        yield
    finally:
        # The flag stays: taking it away may not be allowed, and for the ordinary it says nothing.
        ordinary = os.SCHED_OTHER | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, ordinary, os.sched_param(0))


def be_first(who: str) -> list[str]:
    """Before everybody else on this device: the whole of it waits for the answers. What is not
    allowed here, said of `who`."""
    # On demand: who loads quickly has no use for it.
    import ctypes

    missed = []
    # Each question that waits is an open file.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        run_first()
    except OSError as error:
        missed.append(f"{who} has no real-time priority ({error.strerror})")
    if ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT | _MCL_FUTURE) != 0:
        missed.append(f"{who} may be swapped out ({os.strerror(ctypes.get_errno())})")
    try:
        Path("/proc/self/oom_score_adj").write_text("-1000")
    except OSError as error:
        missed.append(f"{who} may be ended where memory is short ({error.strerror})")
    return missed
