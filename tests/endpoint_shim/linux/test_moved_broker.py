"""A broker that is known by its name and moves while the device is isolated."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language import wire
from commands.language.wire_contain import Isolate
from endpoint_shim import known_ways
from tests.endpoint_shim.door import Door
from tests.endpoint_shim.linux.guarded import ATTACKER, BROKER, MOVED, Guarded, guarded
from tests.endpoint_shim.linux.name_server import NameServer
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT, settings
from tests.endpoint_shim.test_guard_process import answer, control, ended, full, started

pytestmark = [PROGRAMS, ROOT]
NAME = "broker.test"


@pytest.fixture
async def named(tmp_path: Path) -> AsyncIterator[tuple[Guarded, Door, NameServer]]:
    async with guarded(tmp_path, NAME) as (device, door):
        with device.world.inside():
            at = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        at.bind((ATTACKER, 53))
        server = NameServer(BROKER)
        await server.listen(at)
        folder = settings(device.device.name, "resolv.conf", f"nameserver {ATTACKER}\n")
        try:
            yield device, door, server
        finally:
            server.close()
            (folder / "resolv.conf").unlink()
            folder.rmdir()
            with contextlib.suppress(OSError):  # another test's folder is in it
                folder.parent.rmdir()


async def test_the_shim_follows_its_broker_to_another_address(
    named: tuple[Guarded, Door, NameServer], tmp_path: Path
) -> None:
    device, door, server = named
    port = int(device.place.rpartition(":")[2])
    process, peer = await started(device, door)
    moved = Door()
    try:
        peer.say(full(1))
        now = await answer(peer, lambda i: i.stage == "done")
        assert now.reached == f"{BROKER}:{port}" and MOVED not in now.table
        server.address = MOVED
        (tmp_path / "moved").mkdir()
        await moved.listen(
            device.authority, tmp_path / "moved", device.world.listens(MOVED, port), NAME
        )
        await door.close()
        peer = await control(moved)
        now = await answer(peer, lambda i: MOVED in i.table)
        assert now.scope == "full" and now.stage == "done"
        assert not device.device.reaches(ATTACKER, 4444)
        peer.say(wire.Want(isolation=Isolate(generation=2, scope="none")))
        await answer(peer, lambda i: i.generation == 2)
        assert not (device.state / known_ways.NAME).exists()
    finally:
        await ended(process)
        if moved.server is not None:
            await moved.close()


async def test_an_address_that_is_only_said_stays_closed_to_everybody_else(
    named: tuple[Guarded, Door, NameServer],
) -> None:
    device, door, server = named
    port = int(device.place.rpartition(":")[2])
    process, peer = await started(device, door)
    try:
        peer.say(full(1))
        await answer(peer, lambda i: i.stage == "done")
        server.address = MOVED  # the name server lies: what answers there is not the broker
        with device.world.listens(MOVED, port) as liar:
            await door.close()
            dialled, _ = await asyncio.to_thread(liar.accept)
            dialled.close()
            rules = device.rules()
            assert (
                f"socket mark 0x000000f1 meta skuid 0 ip daddr {MOVED} tcp dport {port} accept"
                in rules
            )
            assert not device.device.reaches(MOVED, port)
    finally:
        await ended(process)
