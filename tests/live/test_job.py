"""A command's kept result, read by any number of viewers."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language.items import Into, Item, Note, Progress
from commands.language.line import parse
from commands.language.names import Name
from server.live.desk_job import DeskJob
from server.live.job import Job
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


@pytest.fixture
async def job(session: Session) -> Job:
    """A command that still runs, and gives what the test feeds it."""
    typed = parse("cat /etc/motd")
    job = Job(90, typed, typed.command, session.journal, "web-01")
    job.state = "running"
    session.jobs[job.number] = job
    return job


async def whole(job: Job) -> list[Item]:
    return [item async for item in job.items()]


async def test_every_viewer_gets_all_whoever_of_them_waits(job: Job) -> None:
    viewers = [asyncio.create_task(whole(job)) for _ in range(5)]
    for n in range(50):
        job.feed_bytes(b"%d\n" % n)
        await asyncio.sleep(0)
    await job.finish(None)
    async with asyncio.timeout(5):
        results = await asyncio.gather(*viewers)
    text = b"".join(b"%d\n" % n for n in range(50))
    for result in results:
        assert b"".join(item for item in result if isinstance(item, bytes)) == text


async def test_little_that_a_command_gave_is_not_read_from_the_disk_again(job: Job) -> None:
    job.feed(Into("stderr"))
    job.feed_bytes(b"one\n")
    job.feed_bytes(b"two\n")
    growing = [item async for item in job.items(follow=False)]
    await job.finish(None)
    job.result_path.unlink()
    assert await whole(job) == growing == [Into("stderr"), b"one\n", b"two\n"]


async def test_much_that_a_command_gave_is_on_the_disk_alone(job: Job) -> None:
    line = bytes(1000)
    for _ in range(10):
        job.feed_bytes(line)
    await job.finish(None)
    assert await whole(job) == [line] * 10
    job.result_path.unlink()
    assert await whole(job) == []


async def test_how_far_it_was_before_a_file_came_is_not_said_of_the_file(job: Job) -> None:
    job.feed(Progress(0, None, "looking through /tmp"))
    assert job.progress is not None
    job.feed(Into("file", Name("/tmp.tar"), size=1))
    assert job.progress is None


async def test_status_shows_what_a_running_command_gave_so_far_and_ends(
    session: Session, job: Job
) -> None:
    job.feed_bytes(b"the first half\n")
    status = await session.execute(parse("status 90"))
    assert isinstance(status, DeskJob)
    async with asyncio.timeout(5):
        shown = await whole(status)
    assert shown == [b"the first half\n", Note(text="cat #90 still runs; fg 90 follows it")]
    assert status.state == "completed"
    await job.finish(None)


async def test_a_command_whose_result_is_lost_has_failed_and_ends(
    session: Session, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.feed_bytes(b"told")
    assert job._result is not None
    descriptor, sync = job._result._descriptor, os.fdatasync

    def lost(which: int) -> None:
        if which == descriptor:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(which)

    monkeypatch.setattr(os, "fdatasync", lost)
    async with asyncio.timeout(10):
        await job.finish(None)
    monkeypatch.undo()
    assert (job.state, job.running) == ("failed", False)
    assert str(job.error).startswith("the result is not on the disk: ")
    verdict = await session.sessions.broker.verify(session.id)
    assert verdict.ok, verdict.lines
