"""Containment over the starts and ends of a device that a real systemd runs, as its service."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language.wire_contain import Contained, Isolate, Isolated, Restrict, Restricted, Want
from endpoint_shim.linux import service
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door, Peer
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT
from tests.endpoint_shim.linux.started import (
    BEACON,
    BEACON_HEARD,
    BROKER,
    DEVICE,
    SYSTEMD,
    Started,
    started,
)

pytestmark = [PROGRAMS, ROOT, pytest.mark.needs(SYSTEMD, "nsenter")]
TABLE = "table inet fireline_isolation"
PLAIN = f"""[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/ip link set d0 up
ExecStart=/bin/ip addr replace {DEVICE}/24 dev d0
"""
"""Sets up a network as many a small program's unit does, and waits for no network-pre.target."""


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Started, Door]]:
    async with enrolled(tmp_path) as (device, door):
        device.enable("beacon.service", "sysinit.target", BEACON)
        yield device, door


@contextlib.asynccontextmanager
async def enrolled(folder: Path) -> AsyncIterator[tuple[Started, Door]]:
    """A device, and the door that it is enrolled at, beyond its cable."""
    authority, door = Authority(), Door()
    with started(folder.name[-20:]) as device:
        device.world.ip("addr", "add", f"{BROKER}/32", "dev", "lo")
        place = await door.listen(authority, folder, device.world.listens(BROKER), BROKER)
        authority.enrol(device.state, place)
        try:
            yield device, door
        finally:
            await door.close()


async def start(device: Started) -> None:
    device.start()
    await asyncio.to_thread(device.until_up)


async def line_of(door: Door) -> Peer:
    """The shim's next line; what the guard tries out in between is closed at once."""
    while True:
        with contextlib.suppress(ConnectionError):
            return (await door.line())[0]


async def isolate(line: Peer, generation: int, scope: str = "full") -> Isolated:
    line.say(Want(isolation=Isolate(generation=generation, scope=scope)))  # type: ignore[arg-type]
    return await settled(line, generation)


async def settled(line: Peer, generation: int) -> Isolated:
    while True:
        now = (await line.next(Contained)).isolation
        if now is not None and now.generation == generation and now.stage != "converging":
            return now


async def restricted(line: Peer, generation: int) -> Restricted:
    line.say(Want(restriction=Restrict(generation=generation, on=True)))
    while True:
        now = (await line.next(Contained)).restriction
        if now is not None and now.stage != "converging":
            return now


async def test_an_isolated_device_goes_down_and_comes_up_isolated_until_it_is_released(
    both: tuple[Started, Door],
) -> None:
    device, door = both
    device.enable("systemd-networkd.service")
    device.enable("plain.service", text=PLAIN)
    device.enable("nftables.service", "sysinit.target")  # `flush ruleset`, as it starts and ends
    await start(device)
    assert device.wire.strangers() == {BEACON_HEARD}, "open, its beacon is heard"
    assert device.endpoint("service", "install", "--anyway")[1] == 0
    line = await line_of(door)
    before = await isolate(line, 1)
    assert before.stage == "done", before

    left = await asyncio.to_thread(device.shut_down)
    assert left.count(TABLE) == 1, left

    await start(device)
    line = await line_of(door)
    again = await settled(line, 1)
    while again.table_sha256 != before.table_sha256:  # its network came up after the rules
        assert again.scope == "full"
        again = await settled(line, 1)
    assert again.mended == 0, "nobody changed anything"
    assert device.wire.strangers() == set()
    contained, again_at = (
        device.at(unit, "ExecMainExitTimestamp") for unit in (service.CONTAIN, service.AGAIN)
    )
    flushed = device.at("nftables.service", "ExecMainExitTimestamp")
    assert 0 < contained < flushed < again_at
    assert contained < device.at("sysinit.target", "ActiveEnterTimestamp")
    assert again_at < device.at("systemd-networkd.service", "ExecMainStartTimestamp")

    assert (await isolate(line, 2, "none")).stage == "done"
    assert TABLE not in await asyncio.to_thread(device.shut_down)
    await start(device)
    assert "web-01 is not isolated" in device.run("journalctl", "-b", "-u", service.CONTAIN)
    assert TABLE not in device.run("nft", "list", "ruleset")
    assert device.wire.strangers() == {BEACON_HEARD}
    assert device.endpoint("service", "remove")[1] == 0
    assert "0 loaded units" in device.run("systemctl", "list-units", "--all", "fireline*")


async def test_a_shim_that_is_killed_leaves_no_gap_and_one_that_is_stopped_keeps_it_isolated(
    both: tuple[Started, Door],
) -> None:
    device, door = both
    device.enable("systemd-networkd.service")
    await start(device)
    assert device.endpoint("service", "install", "--anyway")[1] == 0
    line = await line_of(door)
    isolated, now = await isolate(line, 1), await restricted(line, 1)
    assert (isolated.stage, now.stage) == ("done", "done"), now
    device.run("cp", "/bin/true", "/etc/copied")
    device.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", service.UNIT)
    back = asyncio.create_task(line_of(door))
    ran = 0
    while not back.done():
        _, status = await asyncio.to_thread(device.tries, "/etc/copied")
        ran += status == 0
    assert ran == 0
    assert device.run("systemctl", "show", "--value", "--property=NRestarts", service.UNIT) == "1"
    said, status = device.endpoint("service", "remove")
    assert status == 3 and "this device is isolated and restricted" in said
    await asyncio.to_thread(device.run, "systemctl", "stop", service.UNIT)
    assert TABLE in device.run("nft", "list", "ruleset")
    assert device.tries("/etc/copied")[1] != 0, "for some seconds yet"
    said, status = await asyncio.to_thread(device.endpoint, "unrestrict")
    assert status == 0, said
    assert device.tries("/etc/copied") == ("", 0)
    device.run("systemctl", "start", service.UNIT)
    again = await settled(await line_of(door), 1)
    assert (again.table_sha256, again.mended) == (isolated.table_sha256, 0)
    assert device.tries("/etc/copied") == ("", 0), "not put in force again"
