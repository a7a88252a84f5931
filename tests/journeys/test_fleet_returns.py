"""A broker that restarts under many devices: all are back, and a person logs in meanwhile."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys import fleet
from tests.journeys.fleet_house import Fleet
from tests.journeys.rig import House, until

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.alone, pytest.mark.timeout(600)]

BACK_S, LOGIN_S = 30.0, 3.0
SIZES = [200, pytest.param(2000, marks=pytest.mark.soak)]


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
