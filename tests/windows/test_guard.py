"""The guard on Windows, whole: a supervisor and its guard in Wine, and a real door here.

The double of fwpuclnt.dll is where Windows has the real one. The probe is a real connection; no
packet is stopped.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language.wire_contain import Allowance, Contained, Isolate, Isolated, Want
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door, Peer
from tests.windows import doubles
from tests.windows.rig import Rig

pytestmark = [pytest.mark.windows, pytest.mark.xdist_group("windows"), pytest.mark.timeout(120)]

WAIT_S = 60.0


class Device:
    """One that is up, and what its guard says."""

    def __init__(self, line: Peer, place: str) -> None:
        self.line, self.place = line, place
        self.generation = 0

    def isolate(self, scope: str, *rules: Allowance) -> None:
        self.generation += 1
        wanted = {"generation": self.generation, "scope": scope, "rules": rules}
        self.line.say(Want(isolation=Isolate(**wanted)))  # type: ignore[arg-type]

    async def settled(self) -> Isolated:
        async with asyncio.timeout(WAIT_S):
            while True:
                now = (await self.line.next(Contained)).isolation
                if now and now.generation == self.generation and now.stage != "converging":
                    return now


@pytest.fixture
async def device(windows: Rig, tmp_path: Path) -> AsyncIterator[Device]:
    door, authority = Door(), Authority()
    place = await door.listen(authority, tmp_path)
    authority.enrol(tmp_path / "state", place)
    words = ["-I", "-m", "endpoint_shim", "run", "--state", windows.path(tmp_path / "state")]
    process = windows.python(
        words,
        env=doubles.in_place(windows),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        line, _ = await door.line()
        yield Device(line, place)
    finally:
        process.kill()
        process.end()
        await door.close()


async def test_it_isolates_proves_it_by_a_new_connection_and_releases(device: Device) -> None:
    device.isolate("full")
    now = await device.settled()
    assert (now.stage, now.scope, now.error) == ("done", "full", ""), now
    assert now.reached == device.place and len(now.table_sha256) == 64
    assert now.table.startswith("sublayer of weight 65535, flags 0x1\naccept4 block 0 boot ()")
    device.isolate("none")
    now = await device.settled()
    assert (now.stage, now.scope, now.table) == ("done", "none", "")


async def test_a_selective_one_says_what_has_nothing_here_to_be_for(device: Device) -> None:
    device.isolate(
        "selective", Allowance(name="mail", process="outlook"), Allowance(name="web", ports=(443,))
    )
    now = await device.settled()
    assert (now.stage, now.scope) == ("done", "selective"), now
    first = now.table.splitlines()[0]
    assert first == 'rule "mail": no program "outlook" on this device'
