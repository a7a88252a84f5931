"""Many devices with real TLS lines: what each costs the broker idle, and when it comes back."""

import asyncio
import time
from pathlib import Path

import psutil

from bench.table import Row
from tests.journeys import fleet
from tests.journeys.fleet_house import Fleet
from tests.journeys.rig import House

KIB, WAIT_S, SETTLE_S = 1 << 10, 180.0, 5.0
AIM_KIB, FLOOR_KIB = 64, 53
A_CORE = 500.0
"""Handshakes a second that a core does: design.md section 6."""


def devices(folder: Path, quick: bool) -> list[Row]:
    """Memory is the broker's, before and after; a return is counted in its processor time."""
    count = 200 if quick else 1000
    house = House(folder / "house", {"reserve_bytes": 1 << 20, "lines_per_minute": 100_000})
    house.make()
    asyncio.run(fleet.make(house.home, folder / "fleet", count))
    house.start_broker()
    many = Fleet(house, folder / "fleet", count)
    try:
        before = _broker(house).memory_info().rss
        many.start()
        _until(many, count)
        time.sleep(SETTLE_S)  # what the rush took is given back
        each = (_broker(house).memory_info().rss - before) / count / KIB
        house.kill_broker()
        began = time.monotonic()
        house.start_broker()
        spent = _cpu(house)
        _until(many, 2 * count)
        took, spent = time.monotonic() - began, _cpu(house) - spent
    finally:
        many.stop()
        house.__exit__()
    a_second = count / spent
    return [
        Row(
            f"memory of an idle device on the broker, {count:,} lines", f"{each:.0f} KiB",
            f"floor of {FLOOR_KIB} KiB", f"aim {AIM_KIB} KiB", each / AIM_KIB, 1.0,
        ),
        Row(
            f"devices back after kill -9 of the broker ({count:,} in {took:.1f} s), a core-second",
            f"{a_second:,.0f}", "handshakes of a core", f"{A_CORE:.0f}", a_second / A_CORE, 0.7,
            at_least=True,
        ),
    ]  # fmt: skip


def _broker(house: House) -> psutil.Process:
    assert house.broker is not None
    return psutil.Process(house.broker.pid)


def _cpu(house: House) -> float:
    times = _broker(house).cpu_times()
    return float(times.user + times.system)


def _until(many: Fleet, lines: int) -> None:
    end = time.monotonic() + WAIT_S
    while many.lines() < lines:
        if time.monotonic() > end:
            raise SystemExit(f"only {many.lines():,} of {lines:,} lines came")
        time.sleep(0.2)
