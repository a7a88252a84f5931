"""A session that ends while a command of it starts: the command has an end all the same."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language.line import parse
from server.audit.records import Ended, SessionEnded, Started
from server.live.responder import Responder
from tests.doors.rig import Rig, start_device

DEVICE = "web-01"
ALICE = Responder("alice", "key", "here", "ssh", "exec")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path / "state", tmp_path / "keys")
    await rig.start()
    device = await start_device(rig, DEVICE)
    yield rig
    await device.stop()
    await rig.stop()


@pytest.mark.parametrize("line", ["processes", "quota"])
async def test_whenever_a_session_ends_what_was_started_in_it_has_an_end(
    rig: Rig, line: str
) -> None:
    assert rig.broker is not None
    started = 0
    for turns in range(0, 24, 2):
        session = await rig.broker.sessions.open(ALICE, DEVICE)
        command = asyncio.create_task(session.execute(parse(line)))
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await session.end("its command ended")
            await asyncio.wait({command})
        bodies = [record.body async for record in rig.broker.journal.records(session.id)]
        begun = [body.number for body in bodies if isinstance(body, Started)]
        assert begun == [body.number for body in bodies if isinstance(body, Ended)], turns
        assert isinstance(bodies[-1], SessionEnded)
        started += len(begun)
    assert started
