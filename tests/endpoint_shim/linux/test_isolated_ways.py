"""An isolated device that reaches its broker by a proxy, or through a tunnel."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from commands.language import wire
from commands.language.wire_contain import Isolate
from endpoint_shim import durable
from endpoint_shim.linux import tunnels
from tests.endpoint_shim.door import Door, Peer
from tests.endpoint_shim.linux.guarded import ATTACKER, BROKER, DEVICE, Guarded, guarded
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT
from tests.endpoint_shim.test_guard_process import answer, control, ended, full, started
from tests.endpoint_shim.waiting import until

pytestmark = [PROGRAMS, ROOT]
REPOSITORY = Path(__file__).parents[3]
PROXY = (
    "import asyncio, sys\n"
    "from tests.endpoint_shim.connect_proxy import ConnectProxy\n"
    "async def main():\n"
    f"    print(await ConnectProxy().listen('{ATTACKER}', 3128), flush=True)\n"
    "    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)\n"
    "asyncio.run(main())\n"
)
# What a VPN's program does, with a socket that is connected to its far end, one that is not, or
# below UDP.
TUN = """
import fcntl, os, select, socket, struct, sys
own, peer, connected = sys.argv[1:]
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))
raw = connected == "raw"
outer = socket.socket(socket.AF_INET, *((socket.SOCK_RAW, 200) if raw else (socket.SOCK_DGRAM,)))
outer.bind((own, 5555))
if connected == "yes":
    outer.connect((peer, 5555))
print(flush=True)
while True:
    ready, _, _ = select.select([tun, outer], [], [])
    try:
        if tun in ready:
            data = os.read(tun, 2000)
            outer.send(data) if connected == "yes" else outer.sendto(data, (peer, 5555))
        if outer in ready:
            os.write(tun, outer.recv(2000)[20 if raw else 0:])
    except OSError:
        pass
"""
INNER, FAR, SIX = "198.51.100.5", "10.9.0.1", "2001:db8::1"


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Guarded, Door]]:
    async with guarded(tmp_path) as made:
        yield made


async def test_through_a_proxy_the_line_goes_on_and_nobody_else_may_use_it(
    both: tuple[Guarded, Door],
) -> None:
    device, door = both
    words = ["ip", "netns", "exec", device.world.name, sys.executable, "-c", PROXY]
    proxy = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY)
    assert proxy.stdin is not None and proxy.stdout is not None
    url = await asyncio.to_thread(proxy.stdout.readline)
    text = f'proxy = "{url.decode().strip()}"\n'
    durable.save(device.state / "shim.toml", text.encode())
    process, peer = await started(device, door)
    try:
        assert device.device.reaches(ATTACKER, 3128)
        peer.say(full(1))
        now = await answer(peer, lambda i: i.stage == "done")
        assert now.reached == f"{ATTACKER}:3128" and now.scope == "full"
        assert not device.device.reaches(ATTACKER, 3128)
        assert not device.device.reaches(BROKER, int(device.place.rpartition(":")[2]))
        peer.abort("the test cuts the line")
        peer = await control(door)  # dialled anew, through the proxy
        peer.say(wire.Want(isolation=Isolate(generation=2, scope="none")))
        assert (await answer(peer, lambda i: i.generation == 2)).scope == "none"
    finally:
        await ended(process)
        proxy.stdin.close()
        await asyncio.to_thread(proxy.wait)
        proxy.stdout.close()


@contextlib.contextmanager
def tun(device: Guarded, connected: str) -> Iterator[None]:
    """tun0 on both sides over their cable, and the far network behind it."""
    running = []
    for host, own, peer, inner in (
        (device.device, DEVICE, BROKER, "10.9.0.2"),
        (device.world, BROKER, DEVICE, FAR),
    ):
        words = ["ip", "netns", "exec", host.name, sys.executable, "-c", TUN]
        process = subprocess.Popen([*words, own, peer, connected], stdout=subprocess.PIPE)
        assert process.stdout is not None
        running.append(process)
        process.stdout.readline()
        host.ip("addr", "add", f"{inner}/24", "dev", "tun0")
        host.ip("link", "set", "tun0", "mtu", "1400", "up")
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


async def inner_door(device: Guarded, folder: Path) -> Door:
    """The broker behind the tunnel; the device knows it by that address."""
    door = Door()
    device.world.ip("addr", "add", f"{INNER}/32", "dev", "lo")
    folder.mkdir()
    place = await door.listen(device.authority, folder, device.world.listens(INNER), INNER)
    text = (device.state / "identity.json").read_text().replace(device.place, place)
    (device.state / "identity.json").write_text(text)
    device.place = place
    return door


@contextlib.asynccontextmanager
async def behind(device: Guarded, folder: Path) -> AsyncIterator[Peer]:
    """The line of its guard's program to the broker behind the tunnel."""
    door = await inner_door(device, folder)
    process, peer = await started(device, door)
    try:
        yield peer
    finally:
        await ended(process)
        await door.close()


async def test_behind_a_tunnel_its_far_end_stays_open_and_nothing_else(
    both: tuple[Guarded, Door], tmp_path: Path
) -> None:
    device, _ = both
    for host, peer, inner in (
        (device.device, BROKER, "10.9.0.2/24"), (device.world, DEVICE, f"{FAR}/24"),
    ):  # fmt: skip
        host.ip("link", "add", "vx0", "type", "vxlan", "id", "5", "remote", peer, "dstport", "4789")
        host.ip("addr", "add", inner, "dev", "vx0")
        host.ip("link", "set", "vx0", "up")
    device.device.ip("route", "add", "default", "via", FAR)
    async with behind(device, tmp_path / "inner") as peer_line:
        peer_line.say(full(1))
        now = await answer(peer_line, lambda i: i.stage == "done")
        assert now.reached == device.place, now
        assert f"ip daddr {BROKER} meta l4proto" in now.table
        assert not device.device.reaches(ATTACKER, 4444) and not device.device.pings(FAR)


@pytest.mark.soak  # the next one holds it as well, while isolated
async def test_a_vpns_program_is_found_by_its_connected_socket(
    both: tuple[Guarded, Door], tmp_path: Path
) -> None:
    device, _ = both
    with tun(device, "yes"):
        device.device.ip("route", "add", "default", "via", FAR)
        async with behind(device, tmp_path / "inner") as peer:
            peer.say(full(1))
            now = await answer(peer, lambda i: i.stage == "done")
            assert now.reached == device.place, now
            assert f"ip daddr {BROKER} meta l4proto" in now.table


async def test_a_tunnel_that_comes_up_while_isolated_is_let_through(
    both: tuple[Guarded, Door], tmp_path: Path
) -> None:
    device, _ = both
    device.device.ip("route", "add", "default", "via", BROKER)
    async with behind(device, tmp_path / "inner") as peer:
        peer.say(full(1))
        now = await answer(peer, lambda i: i.stage == "done")
        assert f"ip daddr {BROKER} meta l4proto" not in now.table
        with tun(device, "yes"):
            device.device.ip("route", "replace", "default", "via", FAR)
            # What it says after that comes through the tunnel.
            said = await peer.next(wire.Contained)
            while not any(f"far end {BROKER} was opened" in one.text for one in said.seen):
                said = await peer.next(wire.Contained)
            assert said.isolation is not None and said.isolation.stage == "done"
            assert f"ip daddr {BROKER} meta l4proto" in said.isolation.table
            peer.say(wire.Want(isolation=Isolate(generation=2, scope="none")))
            await answer(peer, lambda i: i.generation == 2)


async def test_a_vpns_program_that_is_connected_to_nobody_is_found_by_where_it_sends(
    both: tuple[Guarded, Door], tmp_path: Path
) -> None:
    device, _ = both
    with tun(device, "no"):
        device.device.ip("route", "add", "default", "via", FAR)
        async with behind(device, tmp_path / "inner") as peer:
            peer.say(full(1))
            now = await answer(peer, lambda i: i.stage == "done")
            assert now.reached == device.place, now
            assert f"ip daddr {BROKER} udp sport 5555 accept" in now.table
            assert f"ip daddr {BROKER} meta l4proto" not in now.table
            assert not device.device.reaches(ATTACKER, 4444)
            # The table is made anew, and what it had recorded is gone with the old one.
            device.device.run("nft", "flush", "ruleset")
            now = await answer(peer, lambda i: i.mended == 1)
            assert f"ip daddr {BROKER} udp sport 5555 accept" in now.table


async def test_behind_a_tunnel_whose_far_end_is_not_found_it_is_never_stranded(
    both: tuple[Guarded, Door],
    tmp_path: Path,
) -> None:
    device, _ = both
    device.prove_s = 2.0
    with tun(device, "raw"):
        device.device.ip("route", "add", "default", "via", FAR)
        door = await inner_door(device, tmp_path / "inner")
        host, _, port = device.place.rpartition(":")
        await device.start(line=False)
        device.line(host, int(port))
        try:
            device.isolate()
            now = await device.settled()
            assert now.stage == "failed" and "by tun0" in now.error, now
            await until(lambda: device.device.reaches(INNER, int(port)))
        finally:
            await device.stop()
            await door.close()


async def test_over_ipv6_neighbours_are_found_anew_and_the_line_goes_on(
    both: tuple[Guarded, Door], tmp_path: Path
) -> None:
    device, _ = both
    for host, name, address in (
        (device.device, "d0", "2001:db8::2/64"), (device.world, "w0", f"{SIX}/64"),
    ):  # fmt: skip
        host.ip("addr", "add", address, "dev", name, "nodad")
    door = Door()
    (tmp_path / "six").mkdir()
    place = await door.listen(device.authority, tmp_path / "six", device.world.listens(SIX), SIX)
    place = f"[{SIX}]:{place.rpartition(':')[2]}"
    text = (device.state / "identity.json").read_text().replace(device.place, place)
    (device.state / "identity.json").write_text(text)
    process, peer = await started(device, door)
    try:
        peer.say(full(1))
        now = await answer(peer, lambda i: i.stage == "done")
        assert now.reached == place, now
        for host in (device.device, device.world):
            host.ip("-6", "neigh", "flush", "all")
        assert not device.device.pings(SIX) and not device.device.reaches(ATTACKER, 4444)
        peer.abort("the test cuts the line")
        peer = await control(door)
        peer.say(wire.Want(isolation=Isolate(generation=2, scope="none")))
        assert (await answer(peer, lambda i: i.generation == 2)).scope == "none"
    finally:
        await ended(process)
        await door.close()


async def test_a_way_without_a_tunnel_has_no_far_end(both: tuple[Guarded, Door]) -> None:
    nothing = tunnels.Ends(frozenset())
    with both[0].device.inside():
        assert tunnels.ends([ip_address(BROKER), ip_address("203.0.113.9")]) == nothing
