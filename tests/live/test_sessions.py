"""All sessions: who may open one more, who may come back to one, and what a device's line means."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from commands.language.errors import Failed, FirelineError, Refused, Unreachable
from commands.language.line import parse
from server.audit.records import Violation
from server.config import Limits
from server.doors import first_screen
from server.live.away import Away
from server.live.responder import Door, Responder
from server.live.sessions import END_WAIT_S, Sessions
from tests.doors.rig import Rig, start_device
from tests.endpoint_shim.waiting import until

DEVICE = "web-01"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    limits = Limits(
        sessions=2, sessions_per_person=1, exec_per_person=1, violations_per_hour=3,
        reserve_bytes=1 << 20,
    )  # fmt: skip
    rig = Rig(tmp_path / "state", tmp_path / "keys", limits)
    await rig.start()
    device = await start_device(rig, DEVICE)
    yield rig
    await device.stop()
    await rig.stop()


def sessions_of(rig: Rig) -> Sessions:
    assert rig.broker is not None
    return rig.broker.sessions


def who(person: str, door: Door = "console") -> Responder:
    return Responder(person, "key", "here", "ssh", door)


async def test_each_limit_is_said_and_an_end_makes_room(rig: Rig) -> None:
    sessions = sessions_of(rig)
    held = await sessions.open(who("alice"), DEVICE)
    with pytest.raises(Refused, match="you have 1 sessions open; end one first"):
        await sessions.open(who("alice"), DEVICE)
    await sessions.open(who("alice", "exec"), DEVICE)  # it takes no slot
    with pytest.raises(Refused, match="you have 1 of these open"):
        await sessions.open(who("alice", "exec"), DEVICE)
    await sessions.open(who("alice", "queue"), DEVICE)  # an action's own takes nobody's
    await sessions.open(who("bob"), DEVICE)
    assert re.match(r"\d\d:\d\d:\d\dZ  S\d+ of bob on web-01 is open", held.notices[-1])
    await held.end("room for another")
    await sessions.open(who("alice"), DEVICE)
    with pytest.raises(Refused, match="needs basic or advanced"):
        await sessions.open(who("carol"), DEVICE)
    assert held.id not in sessions.live


async def test_what_may_not_be_seen_is_answered_like_what_is_not_there(rig: Rig) -> None:
    sessions = sessions_of(rig)
    told = []
    for person, name in (("alice", "no-such"), ("nobody", DEVICE)):
        with pytest.raises(Unreachable) as refused:
            await sessions.open(who(person), name)
        told.append(str(refused.value).replace(name, "X"))
    assert told[0] == told[1]


async def test_only_its_own_person_comes_back_to_a_session(rig: Rig) -> None:
    sessions = sessions_of(rig)
    session = await sessions.open(who("alice"), DEVICE)
    await session.detach("the connection broke")
    with pytest.raises(Refused, match=f"{session.id} is alice's: attach {session.id} -watch"):
        await sessions.attach(who("bob"), session.id)
    told = []
    for person, name in (("alice", "S999"), ("nobody", session.id)):
        with pytest.raises(Failed) as refused:
            await sessions.attach(who(person), name)
        told.append(str(refused.value).replace(name, "X"))
    assert told[0] == told[1]
    assert await sessions.attach(who("alice"), session.id.lower()) is session
    assert not session.detached


async def test_when_it_was_left_is_not_moved_by_a_job_that_ends_there_meanwhile(rig: Rig) -> None:
    sessions, loop = sessions_of(rig), asyncio.get_running_loop()
    session = await sessions.open(who("alice"), DEVICE)
    await session.detach("detach")
    session.left_at -= 300.0
    job = await session.execute(parse("pwd"))
    await job.wait()
    shown = first_screen.waiting(session, loop.time())
    assert "waits for you, left 5 m" in shown


async def test_a_session_that_has_ended_runs_nothing_more(rig: Rig) -> None:
    session = await sessions_of(rig).open(who("alice"), DEVICE)
    await asyncio.gather(session.end("first"), session.end("second"))
    assert session.ended_why == "first"
    with pytest.raises(Failed, match=f"{session.id} has ended"):
        await session.execute(parse("pwd"))


async def test_so_many_violations_an_hour_are_kept_and_the_last_says_so(rig: Rig) -> None:
    sessions = sessions_of(rig)
    assert rig.broker is not None
    device = rig.broker.inventory.named(DEVICE)
    assert device is not None
    for number in range(5):
        sessions.violated(device, f"did {number}")
    for task in list(sessions._tasks):
        await task
    kept = [body.what for body in await rig.journal() if isinstance(body, Violation)]
    assert kept == ["did 0", "did 1", "did 2; more this hour are not recorded"]


async def test_a_device_that_is_lost_and_back_is_told_once_each(rig: Rig) -> None:
    session = await sessions_of(rig).open(who("alice"), DEVICE)
    away = session.away
    assert isinstance(away, Away)
    away.device_back([])
    assert session.notices == [], "it was not away"
    away.device_lost("closed")
    away.device_lost("closed again")
    assert session.prompt_words == ["lost"]
    away.device_back([])
    away.device_back([])
    lost, back = (notice.split("Z  ", 1)[1] for notice in session.notices)
    assert lost.startswith(f"{DEVICE} lost ") and lost.endswith("Z: closed")
    assert back.startswith(f"{DEVICE} back ") and back.endswith("Z, after 0 s")
    assert session.prompt_words == []


async def test_a_command_for_a_device_that_left_is_refused_at_once(rig: Rig) -> None:
    sessions = sessions_of(rig)
    session = await sessions.open(who("alice"), DEVICE)
    device = session.device
    assert device is not None and device.line is not None
    device.line.close("a cable")
    with pytest.raises(FirelineError, match=f"{DEVICE} is offline"):
        await session.execute(parse("dir /"))


async def test_a_session_that_ends_waits_for_no_word_of_a_device_that_is_lost(
    rig: Rig, tmp_path: Path
) -> None:
    sessions = sessions_of(rig)
    session = await sessions.open(who("alice"), DEVICE)
    device = session.device
    assert device is not None and device.line is not None
    job = await session.execute(parse("findfile *.no-such -path /"))
    state = str(tmp_path / f"device-{DEVICE}")
    supervisor = next(p for p in psutil.Process().children() if state in p.cmdline())
    await until(lambda: job.state == "running" and bool(supervisor.children()))
    silent = [supervisor, *supervisor.children(recursive=True)]
    for process in silent:
        process.suspend()
    try:
        ending = asyncio.create_task(session.end("exit"))
        await asyncio.wait([ending], timeout=0.1)
        assert not job.ended.is_set(), "it may still answer"
        began = asyncio.get_running_loop().time()
        device.line.close("a cable")
        await ending
        assert asyncio.get_running_loop().time() - began < END_WAIT_S - 1
    finally:
        for process in silent:
            process.resume()


async def test_one_session_a_device_is_a_setting_and_execs_take_no_slot(rig: Rig) -> None:
    sessions = sessions_of(rig)
    sessions.limits = replace(sessions.limits, sessions_per_device=1)
    first = await sessions.open(who("alice"), DEVICE)
    with pytest.raises(Refused, match=f"one session at a time and {first.id} of alice is open"):
        await sessions.open(who("bob"), DEVICE)
    exec_one = await sessions.open(who("bob", "exec"), DEVICE)
    await first.end("exit")
    await (await sessions.open(who("bob"), DEVICE)).end("exit")
    await exec_one.end("exit")


async def test_each_is_told_of_the_others_coming_and_going(rig: Rig) -> None:
    sessions = sessions_of(rig)
    first = await sessions.open(who("alice"), DEVICE)
    told: list[str] = []
    first.on_notice = told.append
    second = await sessions.open(who("bob"), DEVICE)
    await second.end("exit")
    one_command = await sessions.open(who("bob", "exec"), DEVICE)
    await one_command.end("its command ended")
    assert told == [
        f"{second.id} of bob on {DEVICE} is open",
        f"{second.id} of bob on {DEVICE} has ended",
        f"{one_command.id} of bob on {DEVICE} is open",
    ]
    await first.end("exit")
