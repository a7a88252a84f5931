"""Field reports k30: a line that only looks open, one that is cut when idle, a proxy's login."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from server.operator.range_network import Network
from tests.endpoint_shim.connect_proxy import ConnectProxy
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT, Host
from tests.journeys.idle_proxy import IdleProxy
from tests.journeys.rig import House, Shim, until
from tests.journeys.screen import Screen

pytestmark = [PROGRAMS, ROOT, pytest.mark.needs("ssh"), pytest.mark.timeout(180)]

HOLE, FROZEN, IDLE, BEHIND = "hole-01", "frozen-01", "idle-01", "behind-01"
IDLE_S = 20.0
"""Less than any proxy of the reports, and than the 30 s that either side may be silent."""
COUNT = 40
LINES = f"for i in $(seq 1 {COUNT}); do echo tick-$i; sleep 0.5; done"
DROP = (
    "add table inet hole;"
    "add chain inet hole i { type filter hook input priority -400; policy drop; };"
    "add chain inet hole o { type filter hook output priority -400; policy drop; }"
)
NTLM = b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n\r\n"
LOGIN = "u:p@:%"


@dataclass
class Four:
    """The broker, with a device in a namespace, and two here, one of them behind a proxy."""

    house: House
    hole: Host
    idle: IdleProxy
    open: Screen
    """A console on the device behind the proxy, in which nobody types."""


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Four]:
    folder = tmp_path_factory.mktemp("k30")
    network = Network.of(folder)
    network.make()
    limits = {"reserve_bytes": 1 << 20, "left_open_s": 1}
    house = House(folder / "h", limits, device_host=network.broker)
    try:
        with house:
            house.start_shim(FROZEN)
            with _idle(house, network.broker) as idle:
                house.start_shim(IDLE)
                house.shim_under = ("ip", "netns", "exec", network.namespace)
                house.start_shim(HOLE)
                house.shim_under = ()
                with Screen(house.ssh(f"connect {IDLE}", "-tt")) as s:
                    s.until(rf"^{IDLE} .*>$")
                    yield Four(house, Host.there(network.namespace), idle, s)
    finally:
        network.end()


def _idle(house: House, host: str) -> IdleProxy:
    """The way of one device to its broker."""
    place = house.enrol(IDLE).state / "identity.json"
    identity = json.loads(place.read_text())
    proxy = IdleProxy(host, int(identity["dial"][0].rpartition(":")[2]), IDLE_S)
    identity["dial"] = [f"{host}:{proxy.port}"]
    place.write_text(json.dumps(identity))
    return proxy


def lost(house: House, name: str) -> int:
    return sum(one["name"] == name for one in house.of_kind("line_lost"))


def ticks(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"^tick-(\d+)\r?$", text, re.MULTILINE)]


def test_half_open_it_is_seen_and_nothing_is_lost_or_comes_twice(four: Four) -> None:
    """One device behind a network that drops everything, one as under a laptop's lid: at once."""
    house = four.house
    every = list(range(1, COUNT + 1))
    argv = house.ssh(f"on {FROZEN} exec {LINES}")
    with (
        Screen(house.ssh(f"connect {HOLE}", "-tt"), columns=120) as s,
        subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as exec_,
    ):
        s.until(rf"^{HOLE} .*>$")
        s.enter("shell")
        s.until(lambda s: bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y])))
        s.enter(f"clear; {LINES}")
        s.until(r"^tick-2$")
        assert exec_.stdout is not None
        first = exec_.stdout.readline()
        shim = house.shims[FROZEN]
        pids = [shim.supervisor.pid, *(worker.pid for worker in shim.workers())]
        four.hole.run("nft", DROP)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            until("both are seen", lambda: lost(house, HOLE) and lost(house, FROZEN), 60)
        finally:
            four.hole.run("nft", "delete table inet hole")
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        s.until(rf"^tick-{COUNT}$", 60)
        assert ticks(s.all_text)[-COUNT:] == every
        assert ticks(first + exec_.stdout.read()) == every
        assert exec_.wait(30) == 0
        s.enter("exit")
        s.until(rf"^{HOLE} .*>$")
        s.enter("exit")
        s.status(30)


def test_idle_cut_the_line_speaks_both_ways_often_enough_and_comes_back(four: Four) -> None:
    idle, s = four.idle, four.open
    until("it was idle long enough", lambda: time.monotonic() - idle.begun > IDLE_S + 2, 60)
    s.enter("pwd")
    s.until(r"^/$")
    assert idle.cuts == 0
    assert max(idle.longest) < IDLE_S
    before = idle.accepted
    idle.cut()
    until("it is back", lambda: four.house.online(IDLE) and idle.accepted > before, 60)
    s.enter("cat /proc/sys/kernel/ostype")
    s.until(r"^Linux$", 30)


async def test_ntlm_proxy_the_logins_that_it_offers_are_named_and_basic_is_used(four: Four) -> None:
    house = four.house
    shim = await asyncio.to_thread(house.enrol, BEHIND)
    proxy = ConnectProxy(answer=NTLM)
    settings(shim, await proxy.listen())
    said = await asyncio.to_thread(checked, shim)
    assert "wants a login by NTLM or Negotiate; Basic is all that is spoken here" in said
    proxy.close()
    proxy = ConnectProxy(login=LOGIN)
    settings(shim, await proxy.listen())
    (shim.state / "proxy.login").write_text(f"{LOGIN}\n")
    (shim.state / "proxy.login").chmod(0o600)
    try:
        await asyncio.to_thread(house.start_shim, BEHIND)
        ran = await asyncio.to_thread(house.run, f"on {BEHIND} processes -pid 1")
        assert ran.status == 0, ran.err
        assert len(proxy.ways) >= 2, "its line and its stream"
    finally:
        await asyncio.to_thread(house.kill_shim, BEHIND)
        proxy.close()


def settings(shim: Shim, proxy: str) -> None:
    (shim.state / "shim.toml").write_text(f'proxy = "{proxy}"\n')
    (shim.state / "shim.toml").chmod(0o600)


def checked(shim: Shim) -> str:
    words = ("-m", "endpoint_shim", "--state", str(shim.state), "check")
    ran = subprocess.run([sys.executable, "-I", *words], capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    return ran.stdout + ran.stderr
