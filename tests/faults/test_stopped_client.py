"""A client that is stopped in a flood: it is waited for, in bounded memory, at nobody's cost.

The rig is trusted because the broker in `broken/`, broken on purpose, fails it.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.journeys.rig import House, until

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120), pytest.mark.slow]

DEVICE = "flood-01"
LIMITS = {"reserve_bytes": 1 << 20, "left_open_s": 1}
GROWTH_KIB = 24 << 10
ANSWERS = 12
BROKEN = Path(__file__).parent / "broken" / "never_pauses.py"


def test_a_stopped_client_stops_its_flood_and_nothing_grows(tmp_path: Path) -> None:
    with House(tmp_path / "house", LIMITS) as house:
        stopped_in_a_flood(house)


def test_a_broker_that_does_not_hold_the_flood_up_is_caught(tmp_path: Path) -> None:
    with (
        House(tmp_path / "house", LIMITS, program=[str(BROKEN)]) as house,
        pytest.raises(AssertionError, match=r"the broker has grown by [\d,]+ KiB"),
    ):
        stopped_in_a_flood(house)


def stopped_in_a_flood(house: House) -> None:
    shim = house.start_shim(DEVICE)
    client = subprocess.Popen(
        house.ssh(f"shell {DEVICE}", "-tt"),
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert client.stdin is not None
        client.stdin.write(b"yes a line of the flood\n")
        client.stdin.flush()
        recordings = house.home / "recordings"
        until("it floods", lambda: size(recordings) > 2 << 20)
        before = house.broker_kib(), worker_kib(shim.workers())
        os.kill(client.pid, signal.SIGSTOP)
        until("the flood is held up", lambda: still(house, before[0]), 30)
        held = size(recordings)
        for _ in range(ANSWERS):
            ran = house.run(f"on {DEVICE} pwd")
            assert (ran.status, ran.out) == (0, "/\n"), ran
        grown = size(recordings) - held
        assert grown < ANSWERS * (64 << 10), f"{grown:,} bytes more were recorded meanwhile"
        not_grown(house, before[0])
        assert worker_kib(shim.workers()[:1]) - before[1] < GROWTH_KIB
        os.kill(client.pid, signal.SIGCONT)
        until("the flood goes on", lambda: size(recordings) > held + (2 << 20))
    finally:
        client.kill()
        client.communicate()


def not_grown(house: House, before: int) -> None:
    grown = house.broker_kib() - before
    assert grown < GROWTH_KIB, f"the broker has grown by {grown:,} KiB"


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def still(house: House, kib: int) -> bool:
    """Whether nothing more is recorded for a moment, in which the broker has not grown either."""
    recordings = house.home / "recordings"
    before, end = size(recordings), time.monotonic() + 1.0
    while time.monotonic() < end:
        not_grown(house, kib)
        if size(recordings) != before:
            return False
    return True


def worker_kib(workers: list[psutil.Process]) -> int:
    return sum(int(worker.memory_info().rss) for worker in workers) >> 10
