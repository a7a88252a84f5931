"""How many devices one person changes: a day alone, a minute at all; kept in the store."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.isolate import Isolate
from commands.language.errors import Refused
from commands.run import Run
from server.audit import clock
from server.config import Limits
from server.live import blast_radius
from server.live.blast_radius import DAY_S, BlastRadius
from server.live.inventory import Device
from server.store.sqlite import Store

LIMITS = Limits(changed_devices_per_day=3, changed_devices_per_minute=5)
DEVICES = [Device(f"d{number}", f"web-{number:02}") for number in range(8)]
RUN, ISOLATE = Run.spec, Isolate.spec


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "fireline.db")
    yield store
    await store.close()


async def radius(store: Store, limits: Limits = LIMITS) -> BlastRadius:
    return await BlastRadius.open(store, limits)


async def test_a_person_changes_so_many_devices_alone_and_those_again(store: Store) -> None:
    held = await radius(store)
    for device in DEVICES[:3]:
        await held.changes("alice", RUN, device)
    await held.changes("alice", RUN, DEVICES[0])
    with pytest.raises(Refused, match=r"run on web-03: you have changed 3 devices within 24 h"):
        await held.changes("alice", RUN, DEVICES[3])
    await held.changes("bob", RUN, DEVICES[3])
    assert held.over("alice", DEVICES[3]) and not held.over("alice", DEVICES[2])


async def test_an_action_over_the_number_begins_and_waits_for_its_second_person(
    store: Store,
) -> None:
    held = await radius(store)
    for device in DEVICES[:4]:
        await held.changes("alice", ISOLATE, device)
    assert held.over("alice", DEVICES[3])
    assert not held.over("alice", DEVICES[0])


async def test_a_restart_forgets_nothing(store: Store) -> None:
    held = await radius(store)
    for device in DEVICES[:3]:
        await held.changes("alice", RUN, device)
    held = await radius(store)
    with pytest.raises(Refused):
        await held.changes("alice", RUN, DEVICES[3])
    await held.changes("alice", RUN, DEVICES[2])


async def test_of_many_at_the_same_moment_no_more_than_the_number_are_let_through(
    store: Store,
) -> None:
    held = await radius(store, dataclasses.replace(LIMITS, changed_devices_per_minute=50))
    ran = await asyncio.gather(
        *(held.changes("alice", RUN, device) for device in DEVICES), return_exceptions=True
    )
    assert [one for one in ran if one is None] == [None] * 3
    assert all(isinstance(one, Refused) for one in ran if one is not None)


async def test_neither_clock_alone_ends_the_day(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await radius(store)
    for device in DEVICES[:3]:
        await held.changes("alice", RUN, device)
    real = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: real + int(DAY_S * 2000))
    assert held.over("alice", DEVICES[3])
    loop = asyncio.get_running_loop()
    later = loop.time() + DAY_S + 1
    monkeypatch.setattr(loop, "time", lambda: later)
    assert not held.over("alice", DEVICES[3])
    monkeypatch.setattr(clock, "now_ms", lambda: real)
    await held.changes("alice", RUN, DEVICES[3])


async def test_a_selector_takes_nobody_over_his_number_and_a_list_only_what_waits(
    store: Store,
) -> None:
    held = await radius(store)
    held.check_several("alice", RUN, DEVICES[:3], explicit=False)
    await held.changes("alice", RUN, DEVICES[0])
    held.check_several("alice", RUN, DEVICES[:3], explicit=False)
    with pytest.raises(Refused, match="3 devices beside the 1 .* needs them by name, by commas"):
        held.check_several("alice", ISOLATE, DEVICES[:4], explicit=False)
    held.check_several("alice", RUN, DEVICES[:4], explicit=True)
    assert [held.beyond("alice", DEVICES[:many]) for many in (1, 3, 4, 8)] == [0, 0, 1, 5]


async def test_the_minute_refuses_one_and_is_waited_for_by_many(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await radius(store, Limits(changed_devices_per_day=99, changed_devices_per_minute=2))
    monkeypatch.setattr(blast_radius, "MINUTE_S", 0.2)
    await held.turn("alice", DEVICES[0])
    await held.changes("alice", RUN, DEVICES[0])
    await held.turn("alice", DEVICES[1])
    with pytest.raises(Refused, match="2 devices a minute may be changed"):
        await held.changes("alice", RUN, DEVICES[2])
    began = asyncio.get_running_loop().time()
    await held.turn("alice", DEVICES[2])
    assert asyncio.get_running_loop().time() - began > 0.05
    await held.changes("alice", RUN, DEVICES[2])
