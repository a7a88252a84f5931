"""Sessions that end before their device's worker has dialled: nobody did anything wrong."""

import asyncio

from server.audit.records import LineLost, Violation
from tests.doors.rig import Rig


async def test_a_worker_that_comes_after_its_sessions_end_is_no_violation(house: Rig) -> None:
    for _ in range(8):
        ran = await house.run("alice", stdin=b"connect web-01\nexit\n")
        assert ran.status == 0, ran.err
    assert (await house.run("alice", "on web-01 pwd")).status == 0
    await asyncio.gather(*(house.run("alice", stdin=b"connect web-01\n") for _ in range(4)))
    ran = await house.run("alice", "on web-01 dir /etc")  # behind them on the device's line
    assert ran.status == 0
    kinds = (Violation, LineLost)
    assert [body for body in await house.journal() if isinstance(body, kinds)] == []
