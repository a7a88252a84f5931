"""The control line's beats, against a door that may not echo."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language import wire
from commands.language.errors import Unreachable
from endpoint_shim import config, dial, facts
from endpoint_shim.line import ControlLine
from tests.endpoint_shim.door import Door, Peer


def hello() -> wire.Hello:
    return wire.Hello(
        version=wire.VERSION, shim="0", facts=facts.read(""), clock_ms=0, declarations={}
    )


@contextlib.asynccontextmanager
async def lined(
    door: Door, state: Path
) -> AsyncIterator[tuple[ControlLine, Peer, list[wire.Down]]]:
    found = config.load(state)
    framed = await dial.connect(dial.way(found), found.identity.dial[0], dial.CONTROL, 65_536)
    came: list[wire.Down] = []
    line = ControlLine(framed, came.append, came.append, lambda: True)
    asked = asyncio.create_task(line.hello(hello()))
    peer, _ = await door.line()
    await asked
    yield line, peer, came
    framed.abort("the test ends")
    await line.lost


async def test_beats_are_sent_and_their_echo_keeps_the_line(door: Door, tmp_path: Path) -> None:
    async with lined(door, tmp_path / "state") as (line, peer, _):
        beating = asyncio.create_task(line.beat(0.02))
        numbers = [(await peer.next(wire.Beat)).number for _ in range(6)]
        assert numbers == [1, 2, 3, 4, 5, 6] and not beating.done()
    await beating


async def test_sessions_that_come_more_often_than_beats_hold_no_beat_back(
    door: Door, tmp_path: Path
) -> None:
    async with lined(door, tmp_path / "state") as (line, peer, _):

        async def restless() -> None:
            while True:
                line.sessions_changed()
                await asyncio.sleep(0.001)

        changing = asyncio.create_task(restless())
        beating = asyncio.create_task(line.beat(0.1))
        async with asyncio.timeout(5):
            assert [(await peer.next(wire.Beat)).number for _ in range(3)] == [1, 2, 3]
        changing.cancel()
    await beating


async def test_two_beats_without_an_echo_end_the_line(door: Door, tmp_path: Path) -> None:
    async with lined(door, tmp_path / "state") as (line, peer, _):
        peer.pause()
        async with asyncio.timeout(10):
            assert await line.beat(0.02) == "no echo of 2 beats"


async def test_a_ping_is_answered_by_a_beat_at_once(door: Door, tmp_path: Path) -> None:
    async with lined(door, tmp_path / "state") as (_, peer, _):
        peer.say(wire.Ping())
        assert (await peer.next(wire.Beat)).number == 1


@pytest.mark.parametrize("frame", [b'{"m":"welcome","instance":"b2"}', b"{", b'{"m":"what"}'])
async def test_what_is_out_of_turn_ends_the_line(door: Door, tmp_path: Path, frame: bytes) -> None:
    async with lined(door, tmp_path / "state") as (line, peer, _):
        peer.send_text(frame)
        assert (await line.lost).startswith("the broker sent")


async def test_orders_in_the_bytes_of_the_welcome_come_after_it(door: Door, tmp_path: Path) -> None:
    async with lined(door, tmp_path / "state") as (_, peer, came):
        peer.say(wire.Begin(session="S1"))
        peer.say(wire.Ping())
        await peer.next(wire.Beat)
        assert [type(one) for one in came] == [wire.Welcome, wire.Begin]


async def test_a_line_turned_away_says_why(door: Door, tmp_path: Path) -> None:
    found = config.load(tmp_path / "state")
    framed = await dial.connect(dial.way(found), found.identity.dial[0], dial.CONTROL, 65_536)
    line = ControlLine(framed, lambda _: None, lambda _: None, lambda: False)
    asked = asyncio.create_task(line.hello(hello()))
    async with asyncio.timeout(10):
        peer = await door.peers["/control"].get()
    await peer.next(wire.Hello)
    peer.close(1008, "a cloned device?")
    with pytest.raises(Unreachable, match="a cloned device"):
        await asked
