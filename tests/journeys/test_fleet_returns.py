"""A broker that restarts under many devices: all are back, and a person logs in meanwhile."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys import fleet
from tests.journeys.rig import House, until

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.alone, pytest.mark.timeout(600)]

BACK_S, LOGIN_S = 30.0, 3.0
PROCESSES = 4
SIZES = [200, pytest.param(2000, marks=pytest.mark.soak)]


class Fleet:
    """A house with so many devices, in processes of their own."""

    def __init__(self, house: House, folder: Path, count: int) -> None:
        self.house, self.folder, self.count = house, folder, count
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        port = int(
            (self.house.home / "fireline.toml").read_text().split("device_port = ")[1].split()[0]
        )
        each = self.count // PROCESSES
        for number in range(PROCESSES):
            argv = [sys.executable, "-I", fleet.__file__, str(self.folder), f"127.0.0.1:{port}"]
            self._processes.append(
                subprocess.Popen([*argv, str(number * each), str(each)], stdin=subprocess.DEVNULL)
            )

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def lines(self) -> int:
        """How many lines there were ever."""
        place = f"file:{self.house.home}/fireline.db?mode=ro"
        with contextlib.closing(sqlite3.connect(place, uri=True)) as store:
            found = store.execute("SELECT count(*) FROM records WHERE kind = 'line_up'").fetchone()
            return int(found[0])

    def online(self) -> int:
        return sum(row["online"] for row in self.house.rows("devices"))


@pytest.fixture(params=SIZES)
def devices(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    house = House(tmp_path / "house", {"reserve_bytes": 1 << 20})
    house.make()
    asyncio.run(fleet.make(house.home, tmp_path / "fleet", request.param))
    house.start_broker()
    devices = Fleet(house, tmp_path / "fleet", request.param)
    devices.start()
    try:
        yield devices
    finally:
        devices.stop()
        house.__exit__()


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
def test_all_are_back_in_time_and_a_login_does_not_wait(devices: Fleet, killed: bool) -> None:
    house, count = devices.house, devices.count
    until("all are online", lambda: devices.lines() >= count, 120)
    if killed:
        house.kill_broker()
    else:
        assert house.broker is not None
        house.broker.terminate()
        house.broker.wait(30)
    before = devices.lines()
    house.start_broker()
    began, slowest = time.monotonic(), 0.0
    while devices.lines() < before + count:
        asked = time.monotonic()
        assert house.run("help").status == 0
        slowest = max(slowest, time.monotonic() - asked)
        took = time.monotonic() - began
        assert took < BACK_S, f"{devices.lines() - before} of {count} are back after {took:.0f} s"
    took = time.monotonic() - began
    print(f"{count} back in {took:.1f} s; the slowest login took {slowest:.2f} s")
    assert slowest < LOGIN_S
    assert devices.online() == count
    assert not house.of_kind("line_refused")
