"""The shim's supervisor and its guard: what the broker wants arrives, holds, and is told."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from commands.language import wire
from commands.language.wire_contain import Isolate, Isolated, Seen
from endpoint_shim.guard_process import GuardProcess
from tests.endpoint_shim.door import Door, Peer
from tests.endpoint_shim.linux.guarded import ATTACKER, Guarded, guarded
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT
from tests.endpoint_shim.waiting import until

pytestmark = [PROGRAMS, ROOT]
TABLE = "table inet fireline_isolation"


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Guarded, Door]]:
    async with guarded(tmp_path) as made:
        yield made


async def started(device: Guarded, door: Door) -> tuple["subprocess.Popen[bytes]", Peer]:
    """The shim inside the device, with its control line."""
    words = [sys.executable, "-I", "-m", "endpoint_shim", "--state", str(device.state), "run"]
    with (device.state.parent / "shim.log").open("ab") as log:
        process = subprocess.Popen(
            ["ip", "netns", "exec", device.device.name, *words],
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    device.shims.append(process)
    return process, await control(door)


async def control(door: Door) -> Peer:
    """The next control line."""
    while True:
        with contextlib.suppress(ConnectionError):  # a probe: it says nothing and goes
            return (await door.line())[0]


async def answer(peer: Peer, fits: Callable[[Isolated], bool]) -> Isolated:
    while True:
        said = await peer.next(wire.Contained)
        if said.isolation is not None and fits(said.isolation):
            return said.isolation


def full(generation: int) -> wire.Want:
    return wire.Want(isolation=Isolate(generation=generation, scope="full"))


async def ended(process: "subprocess.Popen[bytes]", number: int = signal.SIGTERM) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
    async with asyncio.timeout(20):
        await asyncio.to_thread(process.wait)


def guard_of(process: "subprocess.Popen[bytes]") -> psutil.Process | None:
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.Error):
            if "endpoint_shim.guard_start" in child.cmdline():
                return child
    return None


async def test_what_is_wanted_is_in_force_and_the_line_goes_on(both: tuple[Guarded, Door]) -> None:
    device, door = both
    process, peer = await started(device, door)
    try:
        assert guard_of(process) is None
        peer.say(full(1))
        now = await answer(peer, lambda i: i.stage == "done")
        assert (now.generation, now.scope, now.reached) == (1, "full", device.place)
        assert not device.device.reaches(ATTACKER, 4444)
        peer.say(wire.Begin(session="S1"))
        peer.say(wire.End(session="S1"))
        await peer.next(wire.Ended)  # the very line that stood before still does
        peer.say(wire.Want(isolation=Isolate(generation=2, scope="none")))
        now = await answer(peer, lambda i: i.generation == 2)
        assert (now.stage, now.scope) == ("done", "none")
    finally:
        await ended(process)


async def test_a_guard_that_is_killed_is_back_and_mends(both: tuple[Guarded, Door]) -> None:
    device, door = both
    process, peer = await started(device, door)
    try:
        peer.say(full(1))
        await answer(peer, lambda i: i.stage == "done")
        first = guard_of(process)
        assert first is not None
        first.kill()
        device.device.run("nft", "flush", "ruleset")
        await until(lambda: TABLE in device.rules(), 20.0)
        second = guard_of(process)
        assert second is not None and second.pid != first.pid
    finally:
        await ended(process)


async def test_a_shim_that_is_killed_finds_its_isolation_and_says_so_at_once(
    both: tuple[Guarded, Door],
) -> None:
    device, door = both
    process, peer = await started(device, door)
    peer.say(full(7))
    await answer(peer, lambda i: i.stage == "done")
    await ended(process, signal.SIGKILL)
    assert TABLE in device.rules() and not device.device.reaches(ATTACKER, 4444)
    process, peer = await started(device, door)
    try:
        now = await answer(peer, lambda i: i.generation == 7)
        assert (now.stage, now.scope) == ("done", "full")
        peer.say(full(7))
        peer.say(wire.Want(isolation=Isolate(generation=6, scope="none")))  # late
        peer.say(wire.Want(isolation=Isolate(generation=8, scope="none")))
        now = await answer(peer, lambda i: i.generation == 8)
        assert now.scope == "none"
        assert TABLE not in device.rules()
    finally:
        await ended(process)


async def test_stopped_in_order_the_rules_stay(both: tuple[Guarded, Door]) -> None:
    device, door = both
    process, peer = await started(device, door)
    peer.say(full(1))
    await answer(peer, lambda i: i.stage == "done")
    await ended(process)
    assert process.returncode == 0
    assert TABLE in device.rules()


async def test_what_happened_is_told_once(both: tuple[Guarded, Door]) -> None:
    device, door = both
    process, peer = await started(device, door)
    try:
        peer.say(full(1))
        await answer(peer, lambda i: i.stage == "done")
        device.device.run("nft", "flush", "ruleset")
        seen: list[Seen] = []
        while not seen:
            seen += (await peer.next(wire.Contained)).seen
        assert [one.kind for one in seen] == ["tampering"]
        peer.say(wire.Want(isolation=Isolate(generation=2, scope="none")))
        said = await peer.next(wire.Contained)
        while said.isolation is None or said.isolation.generation != 2:
            said = await peer.next(wire.Contained)
        assert said.seen == ()
    finally:
        await ended(process)


async def test_a_wish_that_cannot_be_kept_is_refused_and_has_no_effect(tmp_path: Path) -> None:
    told: list[wire.Contained] = []

    def tell(now: wire.Contained) -> bool:
        told.append(now)
        return True

    guard = GuardProcess(tmp_path / "gone", tell)
    guard.want(full(3))
    (now,) = told
    assert now.isolation is not None and now.restriction is None
    assert (now.isolation.generation, now.isolation.stage) == (3, "failed")
    assert "could not be kept on the device: No such file" in now.isolation.error
    await guard.stop()
