"""A showing that breaks ends its command with a sentence, and what has its own words keeps them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.line import parse
from server.doors.border import showing
from server.live.job import Job
from server.live.responder import Responder
from server.live.session import Session
from tests.doors.rig import Rig

CAROL = Responder("carol", "key", "here", "ssh", "exec")


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    rig = Rig(tmp_path / "state", tmp_path / "keys")
    await rig.start()
    assert rig.broker is not None
    yield await rig.broker.sessions.open(CAROL, None)
    await rig.stop()


async def _gives() -> int:
    return 3


async def _breaks() -> int:
    return int(1.0 * 10**400)  # too large for a float


async def _refuses() -> int:
    raise Refused("not that one")


async def test_what_is_shown_whole_is_given(session: Session) -> None:
    job = await session.execute(parse("verify broker"))
    assert await showing(job, _gives()) == 3
    await job.wait()
    assert job.state == "completed"


async def test_a_defect_ends_the_command_and_is_a_sentence(session: Session) -> None:
    await (await session.execute(parse("verify broker"))).wait()
    job: Job = await session.execute(parse("status 1"))
    assert job.running, "it ends by being shown"
    with pytest.raises(Failed, match="^status #2 could not be shown: .*status stopped, #2$"):
        await showing(job, _breaks())
    assert job.state == "cancelled"


async def test_a_sentence_of_ours_goes_on(session: Session) -> None:
    job = await session.execute(parse("verify broker"))
    with pytest.raises(Refused, match="not that one"):
        await showing(job, _refuses())
    await job.wait()
    assert job.state == "completed"
