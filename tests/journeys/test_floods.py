"""A device that floods: what it does not read is not answered, and another's keystroke goes on.

The flood is a process of its own, as a device is; a person types meanwhile in a console on another
device. Quiet and flooded are measured in one run (security.md, sections 4 and 12).
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.journeys.hostile_cases import BAD, GOOD, refusals
from tests.journeys.rig import House
from tests.journeys.screen import Screen
from tests.journeys.scripted import Scripted, client, dialled, until

pytestmark = [pytest.mark.needs("ssh", "ssh-keygen")]
KEYS = 60
LATER_S = 0.050
GROWTH_KIB = 24 << 10
LIMITS = {"reserve_bytes": 1 << 20, "stream_away_s": 1.5, "violations_per_hour": 1000}
FLOODS = {
    "pings": "sent more than 10 pings a second",
    "pings unread": "sent more than 10 pings a second",
    "beats": "sent more than 100 control messages a second",
    "reports": "sent more than 100 control messages a second",
    "pieces": "sent a message in pieces",
    "strays": "broke the WebSocket",
}
"""What is flooded on the control line, and what the broker's journal says then."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("floods") / "house", LIMITS) as house:
        house.start_shim(GOOD)
        yield house


@pytest.fixture(scope="module")
def bad(house: House) -> Scripted:
    return Scripted(house, BAD)


@contextlib.contextmanager
def console(house: House) -> Iterator[Screen]:
    with Screen(house.ssh(f"connect {GOOD}", "-tt")) as screen:
        screen.until(rf"^{GOOD} .*>$")
        yield screen


def echoes(screen: Screen) -> list[float]:
    """How long each of so many keys took to show, sorted."""
    return sorted(key(screen, len(screen.text)) for _ in range(KEYS))


def key(screen: Screen, shown: int) -> float:
    began = time.monotonic()
    screen.type("q")
    screen.until(lambda s: len(s.text) > shown, 20)
    took = time.monotonic() - began
    screen.type("\x7f")
    screen.until(lambda s: len(s.text) <= shown, 20)
    return took


def p95(took: list[float]) -> float:
    return took[len(took) * 95 // 100]


@contextlib.asynccontextmanager
async def flood(bad: Scripted, kind: str, path: str, first: str) -> AsyncIterator[Process]:
    files = [str(bad.state / name) for name in ("ca.pem", "device.pem", "key.pem")]
    program = str(Path(__file__).with_name("flood.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", program, kind, bad.place, *files, path, first,
        stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"flooding\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.communicate()


@pytest.mark.parametrize("kind", list(FLOODS))
async def test_a_flood_of_control_frames_is_cut_and_holds_up_nobody(
    house: House, bad: Scripted, kind: str
) -> None:
    before = len(house.records())
    with console(house) as screen:
        quiet = await asyncio.to_thread(echoes, screen)
        memory = house.broker_kib()
        async with flood(bad, kind, "/control", json.dumps(bad.hello())):
            flooded = await asyncio.to_thread(echoes, screen)
            grown = house.broker_kib() - memory
            await until(lambda: not house.online(BAD))
    assert p95(flooded) - p95(quiet) < LATER_S, (p95(quiet), p95(flooded))
    assert grown < GROWTH_KIB
    assert len(refusals(house, FLOODS[kind], before)) >= 1


async def test_a_flood_of_rows_on_one_stream_holds_up_no_other_console(
    house: House, bad: Scripted
) -> None:
    with console(house) as screen:
        quiet = await asyncio.to_thread(echoes, screen)
        async with bad.online() as line:
            asked = client(house, f"on {BAD} processes -output json")
            opening = json.dumps(dialled(await line.hears("open")))
            memory = house.broker_kib()
            async with flood(bad, "rows", "/stream", opening):
                flooded = await asyncio.to_thread(echoes, screen)
                grown = house.broker_kib() - memory
                assert not asked.done(), "the flood was over before the keys were"
        ran = await asked
    assert ran.status != 0 and ran.out.count('"pid"') > 1000
    assert p95(flooded) - p95(quiet) < LATER_S, (p95(quiet), p95(flooded))
    assert grown < GROWTH_KIB
