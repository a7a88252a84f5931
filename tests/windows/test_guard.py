"""The guard on Windows, whole: a supervisor and its guard in Wine, and a real door here.

The doubles of fwpuclnt.dll and of App Control's tools are where Windows has the real ones. The
probe is a real connection; no packet is stopped, and no program.
"""

import asyncio
import hashlib
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from commands.language.wire_contain import (
    Allowance,
    Contained,
    Isolate,
    Isolated,
    Restrict,
    Restricted,
    Want,
)
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door, Peer
from tests.windows import doubles
from tests.windows.rig import Rig, rig

pytestmark = [pytest.mark.windows, pytest.mark.xdist_group("windows"), pytest.mark.timeout(240)]

WAIT_S = 90.0
Kind = TypeVar("Kind", Isolated, Restricted)


class Device:
    """One that is up, and what its guard says."""

    def __init__(self, line: Peer, place: str) -> None:
        self.line, self.place = line, place
        self.generation = 0

    def isolate(self, scope: str, *rules: Allowance) -> None:
        self.generation += 1
        wanted = {"generation": self.generation, "scope": scope, "rules": rules}
        self.line.say(Want(isolation=Isolate(**wanted)))  # type: ignore[arg-type]

    def restrict(self, on: bool) -> None:
        self.generation += 1
        self.line.say(Want(restriction=Restrict(generation=self.generation, on=on)))

    async def settled(self) -> Isolated:
        return await self._settled(lambda said: said.isolation)

    async def restricted(self) -> Restricted:
        return await self._settled(lambda said: said.restriction)

    async def _settled(self, of: Callable[[Contained], Kind | None]) -> Kind:
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    now = of(await self.line.next(Contained))
                except TimeoutError:
                    continue  # of one look; a loaded machine takes longer
                if now and now.generation == self.generation and now.stage != "converging":
                    return now


@pytest.fixture
async def own_windows() -> AsyncIterator[Rig]:
    """Its tools are doubles, for the whole of its life."""
    with rig() as started:
        doubles.build(started)
        doubles.app_control_in_place(started)
        yield started


@pytest.fixture
async def device(windows: Rig, tmp_path: Path) -> AsyncIterator[Device]:
    async with up(windows, tmp_path) as device:
        yield device


@asynccontextmanager
async def up(windows: Rig, tmp_path: Path) -> AsyncIterator[Device]:
    door, authority = Door(), Authority()
    place = await door.listen(authority, tmp_path)
    authority.enrol(tmp_path / "state", place)
    words = ["-I", "-m", "endpoint_shim", "run", "--state", windows.path(tmp_path / "state")]
    process = windows.python(
        words,
        env=doubles.in_place(windows),
        stdout=subprocess.DEVNULL,
    )
    assert process.stderr is not None
    reading = asyncio.create_task(asyncio.to_thread(process.stderr.read))
    try:
        line, _ = await door.line()
        yield Device(line, place)
    finally:
        process.kill()
        # Shown where the test fails.
        print((await reading).decode(errors="replace"))
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
    assert first == 'rule "mail": "no program outlook on this device"'


async def test_it_restricts_by_a_policy_and_ends_it(own_windows: Rig, tmp_path: Path) -> None:
    active = own_windows.prefix / "drive_c/windows/system32/CodeIntegrity/CiPolicies/Active"
    async with up(own_windows, tmp_path) as device:
        device.restrict(True)
        now = await device.restricted()
        assert (now.stage, now.on, now.broken, now.error) == ("done", True, False, ""), now
        assert now.by.startswith("App Control, which knows ")
        (policy,) = active.iterdir()
        assert hashlib.sha256(policy.read_bytes()).hexdigest() == now.proof_sha256
        device.restrict(False)
        now = await device.restricted()
        assert (now.stage, now.on, now.error) == ("done", False, "")
        assert list(active.iterdir()) == []
