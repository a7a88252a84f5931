"""Seconds since the system was started, sleep included: nobody sets this clock."""

import sys
import time


def seconds() -> float:
    """Now; it begins anew with each start of the system."""
    if sys.platform == "win32":
        from endpoint_shim.windows import boot_clock

        return boot_clock.seconds()
    return time.clock_gettime(time.CLOCK_BOOTTIME)
