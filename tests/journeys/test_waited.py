"""What is taken off a delay: the time without a processor, and nothing else."""

import os
import subprocess
import sys
import time

from tests.journeys.waited import delay_of

BUSY = "import time\nwhile True: pass"


def test_a_wait_that_is_no_queue_counts_whole() -> None:
    assert delay_of(lambda: time.sleep(0.2)) >= 0.19


def test_the_time_in_the_queue_for_a_processor_counts_nothing() -> None:
    """Two that never rest on one processor: half of each one's time it stands in the queue."""
    only = {min(os.sched_getaffinity(0))}
    others = [
        subprocess.Popen(
            [sys.executable, "-I", "-c", BUSY],
            preexec_fn=lambda: os.sched_setaffinity(0, only),
        )
        for _ in range(2)
    ]
    try:
        began = time.perf_counter()
        left = delay_of(lambda: time.sleep(1.0), others[0].pid)
        assert left < 0.8 * (time.perf_counter() - began)
    finally:
        for other in others:
            other.kill()
            other.wait()
