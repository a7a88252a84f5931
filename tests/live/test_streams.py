"""Who may dial a stream, and who may come back to one."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from commands.language import wire
from server.live.inventory import Device
from server.live.streams import OVER, Streams
from tests.live.test_stream import Line, Taker, noted, served

DEVICE = cast(Device, SimpleNamespace(id="d"))


@pytest.fixture
async def played() -> AsyncIterator[tuple[Streams, Line]]:
    streams = Streams(dial_s=20, away_s=20, beat_s=5)
    line = Line(streams.expect("S7", DEVICE), Taker())
    async with served(line):
        yield streams, line


def resume(line: Line, **more: Any) -> wire.Resume:
    return wire.Resume(stream=line.stream.id, frames=0, **more)


async def test_a_worker_whose_first_word_was_lost_comes_back_with_its_token(
    played: tuple[Streams, Line],
) -> None:
    streams, line = played
    worker, broker = await line.worker()
    said = noted(worker)
    assert streams.dialled(DEVICE, resume(line, token=line.stream.token), broker) is None
    line.stream.send(wire.Eof())
    assert [await said.get(), await said.get()] == [wire.Resumed(frames=0), wire.Eof()]


async def test_a_worker_whose_first_word_came_is_sent_what_it_lacks(
    played: tuple[Streams, Line],
) -> None:
    streams, line = played
    token = line.stream.token
    _, broker = await line.worker()
    dialled = wire.Dialled(stream=line.stream.id, token=token)
    assert streams.dialled(DEVICE, dialled, broker) is None
    line.stream.user = line.taker
    line.stream.send(wire.Eof())
    worker, broker = await line.worker()
    said = noted(worker)
    assert streams.dialled(DEVICE, resume(line, token=token), broker) is None
    assert [await said.get(), await said.get()] == [wire.Resumed(frames=0), wire.Eof()]


@pytest.mark.parametrize("token", ["", "x" * 32])
async def test_nobody_comes_back_to_what_was_never_dialled_without_the_token(
    played: tuple[Streams, Line], token: str
) -> None:
    streams, line = played
    _, broker = await line.worker()
    assert "token" in (streams.dialled(DEVICE, resume(line, token=token), broker) or "")


async def test_a_worker_of_a_broker_that_was_killed_hears_that_its_stream_is_over(
    played: tuple[Streams, Line],
) -> None:
    streams, line = played
    _, broker = await line.worker()
    assert streams.dialled(DEVICE, wire.Resume(stream="S6.w1", frames=3), broker) == OVER
    for name in ("S8.w1", "S.w1", "S٣.w1", "elsewhere"):
        refused = streams.dialled(DEVICE, wire.Resume(stream=name, frames=3), broker)
        assert refused == "no such stream of this device", name
