"""Many devices with real TLS lines: what each costs the broker idle, and when it comes back."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from bench.table import Row
from tests.journeys import fleet
from tests.journeys.fleet_house import Fleet
from tests.journeys.rig import House

KIB, WAIT_S, SETTLE_S = 1 << 10, 180.0, 5.0
AIM_KIB, FLOOR_KIB = 64, 53
AT_ONCE = 50
A_CORE = 500.0
"""Handshakes a second that a core does: design.md section 6."""


def many(folder: Path, quick: bool) -> list[Row]:
    """One command on all of them, each with a stream of its own: beside their handshakes alone."""
    count, rounds = (200, 2) if quick else (1000, 3)
    with connected(folder, count, {"devices_at_once": AT_ONCE}) as house:
        took = [_on_all(house, count) for _ in range(rounds)]
        grown = broker_of(house).memory_info().rss
        took.append(_on_all(house, count))
        grown = broker_of(house).memory_info().rss - grown
    spent, wall = min(took)
    floor = count / A_CORE
    return [
        Row(
            f"`on all processes` on {count:,} devices ({wall:.1f} s, memory +{grown >> 20} MiB), "
            "processor time of the broker",
            f"{spent:.2f} s", "a handshake of each", f"{floor:.2f} s", spent / floor, 2.0,
        )
    ]  # fmt: skip


@contextlib.contextmanager
def connected(folder: Path, count: int, limits: Mapping[str, float]) -> Iterator[House]:
    """A broker with so many devices, all on their lines and quiet."""
    always: dict[str, float] = {"reserve_bytes": 1 << 20, "lines_per_minute": 100_000}
    house = House(folder / "house", {**always, **limits})
    house.make()
    asyncio.run(fleet.make(house.home, folder / "fleet", count))
    house.start_broker()
    all_of_them = Fleet(house, folder / "fleet", count)
    try:
        all_of_them.start()
        _until(all_of_them, count)
        time.sleep(SETTLE_S)
        yield house
    finally:
        all_of_them.stop()
        house.__exit__()


def _on_all(house: House, count: int) -> tuple[float, float]:
    """The broker's processor time, and the client's own."""
    spent, began = cpu(house), time.monotonic()
    ran = house.run("on all processes -output json", limit=WAIT_S)
    took = time.monotonic() - began
    rows = json.loads(ran.out)
    if ran.status != 0 or len({row["device"] for row in rows}) != count:
        raise SystemExit(f"{len(rows):,} rows of {count:,}, status {ran.status}: {ran.err[:500]}")
    return cpu(house) - spent, took


def devices(folder: Path, quick: bool) -> list[Row]:
    """Memory is the broker's, before and after; a return is counted in its processor time."""
    count = 200 if quick else 1000
    house = House(folder / "house", {"reserve_bytes": 1 << 20, "lines_per_minute": 100_000})
    house.make()
    asyncio.run(fleet.make(house.home, folder / "fleet", count))
    house.start_broker()
    many = Fleet(house, folder / "fleet", count)
    try:
        before = broker_of(house).memory_info().rss
        many.start()
        _until(many, count)
        time.sleep(SETTLE_S)  # what the rush took is given back
        each = (broker_of(house).memory_info().rss - before) / count / KIB
        house.kill_broker()
        began = time.monotonic()
        house.start_broker()
        spent = cpu(house)
        _until(many, 2 * count)
        took, spent = time.monotonic() - began, cpu(house) - spent
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


def broker_of(house: House) -> psutil.Process:
    assert house.broker is not None
    return psutil.Process(house.broker.pid)


def cpu(house: House) -> float:
    times = broker_of(house).cpu_times()
    return float(times.user + times.system)


def _until(many: Fleet, lines: int) -> None:
    end = time.monotonic() + WAIT_S
    while many.lines() < lines:
        if time.monotonic() > end:
            raise SystemExit(f"only {many.lines():,} of {lines:,} lines came")
        time.sleep(0.2)
