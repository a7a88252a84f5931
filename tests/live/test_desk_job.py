"""Commands that run at the broker: however their viewer goes, they end, and their session too."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language.line import parse
from server.live.desk_job import DeskJob
from server.live.responder import Responder
from server.live.session import Session
from tests.doors.rig import Rig

CAROL = Responder("carol", "key", "here", "ssh", "console")


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    rig = Rig(tmp_path / "state", tmp_path / "keys")
    await rig.start()
    assert rig.broker is not None
    yield await rig.broker.sessions.open(CAROL, None)
    await rig.stop()


async def begun(session: Session, line: str) -> DeskJob:
    job = await session.execute(parse(line))
    assert isinstance(job, DeskJob)
    return job


async def its_end_is_begun(job: DeskJob) -> None:
    while not job._closed:  # noqa: ASYNC110  # to the very turn
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21])
async def test_a_command_cancelled_while_its_end_is_written_ends(
    session: Session, turns: int
) -> None:
    job = await begun(session, "verify broker")
    await its_end_is_begun(job)
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await job.cancel()
        await session.end("the client is gone")
    assert job.state == "completed" and not job.running


async def test_a_command_that_nobody_ever_read_ends_with_its_session(session: Session) -> None:
    await (await begun(session, "verify broker")).wait()
    job = await begun(session, "status 1")
    async with asyncio.timeout(5):
        await session.end("the client is gone")
    assert job.state == "cancelled"


async def test_a_reader_that_is_cancelled_does_not_stop_the_end(session: Session) -> None:
    await (await begun(session, "verify broker")).wait()
    job = await begun(session, "status 1")

    async def read() -> None:
        async for _ in job.items():
            pass

    reading = asyncio.create_task(read())
    await its_end_is_begun(job)
    reading.cancel()
    async with asyncio.timeout(5):
        await job.wait()
        await session.end("the client is gone")
    assert job.state == "completed"
