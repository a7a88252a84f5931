"""A client that is stopped in a flood: it is waited for, in bounded memory, at nobody's cost."""

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


def test_a_stopped_client_stops_its_flood_and_nothing_grows(tmp_path: Path) -> None:
    with House(tmp_path / "house", LIMITS) as house:
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
            until("the flood is held up", lambda: still(recordings), 30)
            held = size(recordings)
            for _ in range(ANSWERS):
                ran = house.run(f"on {DEVICE} pwd")
                assert (ran.status, ran.out) == (0, "/\n"), ran
            grown = size(recordings) - held
            assert grown < ANSWERS * (64 << 10), f"{grown:,} bytes more were recorded meanwhile"
            assert house.broker_kib() - before[0] < GROWTH_KIB
            assert worker_kib(shim.workers()[:1]) - before[1] < GROWTH_KIB
            os.kill(client.pid, signal.SIGCONT)
            until("the flood goes on", lambda: size(recordings) > held + (2 << 20))
        finally:
            client.kill()
            client.communicate()


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def still(folder: Path) -> bool:
    """Whether nothing more is recorded for a moment."""
    before, end = size(folder), time.monotonic() + 1.0
    while time.monotonic() < end:
        if size(folder) != before:
            return False
    return True


def worker_kib(workers: list[psutil.Process]) -> int:
    return sum(int(worker.memory_info().rss) for worker in workers) >> 10
