"""Many devices at once: never more than allowed, in stages, and stopped in time."""

import asyncio

import pytest

from server.live.fan_out import FanOut, Outcome
from server.live.staging import staging

NAMES = [f"d{number:03}" for number in range(60)]


class Fleet:
    """Devices that answer at once, each with its outcome."""

    def __init__(self, **other: Outcome) -> None:
        self.other = other
        self.order: list[str] = []
        self.most = 0
        self.now = 0

    async def one(self, device: str) -> Outcome:
        self.order.append(device)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return self.other.get(device, "answered")


async def test_all_are_done_and_never_more_at_once_than_allowed() -> None:
    fleet = Fleet(d007="failed")
    fan = FanOut(NAMES, fleet.one, 7, staging(None, None))
    await fan.run()
    assert sorted(fleet.order) == NAMES and fleet.most == 7
    assert fan.counts == {"answered": 59, "failed": 1}
    assert fan.not_begun == [] and not fan.running and fan.stopped_by == ""


async def test_a_stage_waits_for_the_one_before_it() -> None:
    fleet = Fleet()
    seen: list[int] = []

    async def one(device: str) -> Outcome:
        seen.append(len(fan.outcomes))
        return await fleet.one(device)

    fan = FanOut(NAMES, one, 50, staging("1,10,all", None))
    await fan.run()
    assert seen[0] == 0 and seen[1:11] == [1] * 10 and min(seen[11:]) == 11
    assert len(fan.outcomes) == 60


async def test_the_first_failure_of_a_stage_leaves_the_next_one_unbegun() -> None:
    fan = FanOut(NAMES, Fleet(d003="refused").one, 2, staging("1,4,all", None))
    await fan.run()
    assert "d003" in fan.outcomes
    assert fan.stopped_by == "1 of 60 failed (-stop 1)"
    assert len(fan.outcomes) + len(fan.not_begun) == 60
    assert len(fan.outcomes) <= 5


async def test_a_share_stops_it_only_once_it_is_reached() -> None:
    fleet = Fleet(d000="failed", d001="timed out", d002="failed")
    fan = FanOut(NAMES, fleet.one, 1, staging(None, "5%"))
    await fan.run()
    assert fleet.order == ["d000", "d001", "d002"]
    assert len(fan.not_begun) == 57


async def test_devices_that_are_not_reached_fill_no_stage_and_fail_nothing() -> None:
    fleet = Fleet(d000="unreachable", d001="unreachable", d002="answered", d003="failed")
    fan = FanOut(NAMES, fleet.one, 5, staging("1,1,all", None))
    await fan.run()
    assert fleet.order == ["d000", "d001", "d002", "d003"]
    assert fan.counts == {"unreachable": 2, "answered": 1, "failed": 1}


async def test_devices_where_it_only_waits_fill_no_stage() -> None:
    """A first device on which nothing has happened yet shows nothing."""
    fleet = Fleet(d000="queued", d001="queued", d002="failed")
    fan = FanOut(NAMES, fleet.one, 1, staging("1,all", None))
    await fan.run()
    assert fan.counts == {"queued": 2, "failed": 1} and len(fan.not_begun) == 57


async def test_stopped_nothing_more_is_begun_and_what_runs_ends() -> None:
    held, begun = asyncio.Event(), asyncio.Event()

    async def one(device: str) -> Outcome:
        if len(fan.running) == 3:
            begun.set()
        await held.wait()
        return "answered"

    fan = FanOut(NAMES, one, 3, staging(None, None))
    running = asyncio.create_task(fan.run())
    await begun.wait()
    fan.stop("asked")
    held.set()
    await running
    assert len(fan.outcomes) == 3 and len(fan.not_begun) == 57 and fan.stopped_by == "asked"


async def test_cancelled_it_cancels_what_runs() -> None:
    begun, ended = asyncio.Event(), []

    async def one(device: str) -> Outcome:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(device)
        return "answered"

    running = asyncio.create_task(FanOut(NAMES, one, 4, staging(None, None)).run())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert sorted(ended) == NAMES[:4]


async def test_a_pace_is_waited_for_before_each() -> None:
    paced: list[int] = []

    async def pace(_: str) -> None:
        paced.append(len(fleet.order))
        await asyncio.sleep(0)

    fleet = Fleet()
    fan = FanOut(NAMES[:5], fleet.one, 1, staging(None, None), pace)
    await fan.run()
    assert paced == [0, 1, 2, 3, 4]


async def test_stopped_it_waits_for_no_pace(caplog: pytest.LogCaptureFixture) -> None:
    waiting = asyncio.Event()

    async def pace(_: str) -> None:
        waiting.set()
        await asyncio.Event().wait()

    fleet = Fleet()
    fan = FanOut(NAMES, fleet.one, 3, staging(None, None), pace)
    running = asyncio.create_task(fan.run())
    await waiting.wait()
    fan.stop("asked")
    async with asyncio.timeout(10):
        await running
    assert fleet.order == [] and sorted(fan.not_begun) == NAMES
    assert caplog.records == []
