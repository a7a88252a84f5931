"""A client that goes at any moment: its session ends, nobody else's does, nothing is left open."""

import asyncio

from tests.doors.rig import Rig


async def test_a_client_killed_at_any_moment_leaves_no_session_and_no_hang(house: Rig) -> None:
    broker = house.broker
    assert broker is not None
    for delay in range(0, 400, 25):
        process = await asyncio.create_subprocess_exec(
            *house.ssh("alice", "on web-01 findfile *.no-such -path /"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await asyncio.sleep(delay / 1000)  # the moment is what is tried
        process.kill()
        await process.wait()
    assert (await house.run("alice", "on web-01 pwd")).status == 0
    async with asyncio.timeout(25):
        while broker.sessions.live:  # noqa: ASYNC110 (ends are many events)
            await asyncio.sleep(0.02)
