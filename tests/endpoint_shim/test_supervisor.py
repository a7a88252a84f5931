"""The supervisor as a real process against a real door."""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from commands.language import items, wire
from endpoint_shim import VERSION, config, supervisor
from tests.endpoint_shim.door import Door, Peer
from tests.endpoint_shim.waiting import until

TOKEN = "t" * 32
PROCESSES = {"word": "processes"}
Shim = asyncio.subprocess.Process


def start(number: int, command: Mapping[str, object], **more: object) -> wire.Start:
    return wire.Start(command=dict(command), number=number, folder="/", **more)  # type: ignore[arg-type]


async def opened(door: Door, line: Peer, stream: str = "S1.w1") -> Peer:
    line.say(wire.Begin(session="S1"))
    line.say(wire.Open(session="S1", stream=stream, token=TOKEN))
    peer, first = await door.stream()
    assert first == wire.Dialled(stream=stream, token=TOKEN)
    return peer


def workers_of(shim: Shim) -> list[int]:
    """What its seed forked off."""
    return [worker for seed in children_of(shim.pid) for worker in children_of(seed)]


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_hello_says_who_and_what_this_device_is(door: Door, shim: Shim) -> None:
    _, hello = await door.line()
    assert hello.version == wire.VERSION and hello.shim == VERSION
    assert hello.facts.platform == "linux" and hello.facts.boot_ms > 0
    assert "processes" in hello.declarations and "exit" not in hello.declarations
    assert len(wire.encode(hello)) <= wire.MAX_BEFORE_HELLO
    assert (hello.running, hello.sessions) == ([], [])


async def test_a_command_runs_and_its_stream_stays_warm_for_the_next(
    door: Door, shim: Shim
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    for number in (1, 2):
        peer.say(start(number, PROCESSES))
        rows, done = await peer.until_done()
        assert done == items.Done()
        assert any(f'"pid":{shim.pid},'.encode() in bytes(r.row) for r in rows[1:])
    assert len(workers_of(shim)) == 1


async def test_close_ends_the_worker_and_says_so(door: Door, shim: Shim) -> None:
    line, _ = await door.line()
    await opened(door, line)
    line.say(wire.Close(stream="S1.w1"))
    gone = await line.next(wire.Gone)
    assert (gone.stream, gone.how) == ("S1.w1", "ended")
    assert workers_of(shim) == []


async def test_a_killed_worker_costs_its_own_command_only(door: Door, shim: Shim) -> None:
    line, _ = await door.line()
    await opened(door, line)
    victim = workers_of(shim)[0]
    line.say(wire.Open(session="S1", stream="S1.w2", token=TOKEN))
    other, _ = await door.stream()
    os.kill(victim, signal.SIGKILL)
    gone = await line.next(wire.Gone)
    assert (gone.stream, gone.how, gone.status) == ("S1.w1", "crashed", -signal.SIGKILL)
    other.say(start(3, PROCESSES))
    assert (await other.until_done())[1] == items.Done()


async def test_end_wipes_the_sessions_folder_and_is_answered(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    line, _ = await door.line()
    await opened(door, line)
    folders = list((tmp_path / "state/sessions").iterdir())
    assert len(folders) == 1 and folders[0].stat().st_mode & 0o777 == 0o700
    (folders[0] / "put").write_text("x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (folders[0] / "link").symlink_to(outside)
    line.say(wire.End(session="S1"))
    assert (await line.next(wire.Ended)) == wire.Ended(session="S1")
    assert not folders[0].exists() and (outside / "kept").exists()
    assert workers_of(shim) == []


async def test_a_stream_of_no_session_is_never_started(door: Door, shim: Shim) -> None:
    line, _ = await door.line()
    line.say(wire.Open(session="S9", stream="S9.w1", token=TOKEN))
    gone = await line.next(wire.Gone)
    assert gone.how == "never" and "S9" in gone.message


async def test_an_end_of_an_unknown_session_is_answered_as_ended(door: Door, shim: Shim) -> None:
    line, _ = await door.line()
    line.say(wire.End(session="S7"))
    assert (await line.next(wire.Ended)).session == "S7"


async def test_what_a_new_broker_does_not_know_is_ended_and_reported(
    door: Door, shim: Shim
) -> None:
    line, _ = await door.line()
    await opened(door, line)
    line.abort("the broker restarts")
    again, hello = await door.line()
    assert (hello.running, hello.sessions) == (["S1.w1"], ["S1"])
    said = {type(await again.next(wire.Up)) for _ in range(2)}  # type: ignore[arg-type]
    assert said == {wire.Gone, wire.Ended}


async def test_a_line_that_breaks_leaves_what_the_broker_still_knows(
    door: Door, shim: Shim
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    line.abort("a cable")
    await door.line(streams=["S1.w1"], sessions=["S1"])
    peer.say(start(1, PROCESSES))
    assert (await peer.until_done())[1] == items.Done()


async def test_a_changed_policy_is_reported_and_refuses_by_its_line(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    line, _ = await door.line()
    (tmp_path / "state/policy.toml").write_text('# ours\ndeny = ["processes"]\n')
    report = await line.next(wire.Report)
    assert report.policy is not None and report.policy.deny == {"processes": 2}
    peer = await opened(door, line)
    peer.say(start(1, PROCESSES))
    _, done = await peer.until_done()
    assert done.code == "refused"
    assert done.message == (
        "processes on web-01 by its own policy (policy.toml line 2); "
        "only the device's owner can change that"
    )


async def test_a_warm_worker_holds_its_next_command_to_the_policy_as_it_is_then(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    peer.say(start(1, PROCESSES))
    assert (await peer.until_done())[1] == items.Done()
    file = tmp_path / "state/policy.toml"
    file.write_text('# ours\ndeny = ["shell"\n')
    peer.say(start(2, PROCESSES))
    rows, done = await peer.until_done()
    assert (rows, done.code) == ([], "refused")
    assert "(policy.toml line 3: unclosed array); mend it" in done.message
    file.write_text('deny = ["processes"]\n')
    peer.say(start(3, PROCESSES))
    _, done = await peer.until_done()
    assert done.message.startswith("processes on web-01 by its own policy (policy.toml line 1); ")
    file.unlink()
    peer.say(start(4, PROCESSES))
    assert (await peer.until_done())[1] == items.Done()


async def test_a_message_that_is_none_ends_the_line_and_it_comes_back(
    door: Door, shim: Shim
) -> None:
    line, _ = await door.line()
    line.send_text(b'{"m":"open","session":"S1","stream":"x","token":"short"}')
    await door.line()


async def test_stopped_in_order_it_says_bye_and_leaves_nothing(
    door: Door, shim: Shim, tmp_path: Path
) -> None:
    line, _ = await door.line()
    await opened(door, line)
    shim.send_signal(signal.SIGTERM)
    await line.next(wire.Bye)
    async with asyncio.timeout(10):
        assert await shim.wait() == 0
    assert list((tmp_path / "state/sessions").iterdir()) == []


async def test_a_killed_supervisor_takes_its_workers_along(door: Door, shim: Shim) -> None:
    line, _ = await door.line()
    peer = await opened(door, line)
    shim.kill()
    async with asyncio.timeout(10):
        frame = await peer.came.get()
    assert isinstance(frame, ConnectionError)


async def test_idle_it_is_small(door: Door, shim: Shim) -> None:
    await door.line()
    status = Path(f"/proc/{shim.pid}/status").read_text()
    rss = int(status.split("VmRSS:")[1].split()[0])
    assert rss <= 40 * 1024, f"{rss} KiB"


async def test_without_a_line_for_long_everything_is_ended(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOST_S", 0.2)
    here = supervisor.Supervisor(config.load(tmp_path / "state"))
    running = asyncio.create_task(here.run())
    line, _ = await door.line()
    await opened(door, line)
    folders = list((tmp_path / "state/sessions").iterdir())
    assert door.server is not None
    door.server.close()
    line.abort("a cable")
    await until(lambda: not folders[0].exists())
    here.stop()
    await running
