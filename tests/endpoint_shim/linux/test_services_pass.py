"""Selective isolation by systemd unit: the kernel tells processes apart by their control group."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endpoint_shim.linux.guarded import ATTACKER, BROKER, DEVICE
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT, Host, cable, hosts

UNIT = f"fireline-test-{os.getpid()}.service"
# Inside the device, with cgroup v2 where a host has it: `ip netns exec` gives a /sys of its own.
INSIDE = f"""
import os, socket, subprocess
from ipaddress import ip_address
from pathlib import Path
from commands.language.errors import Failed
from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Plan
from endpoint_shim.linux import firewall

root = Path("/sys/fs/cgroup")
subprocess.run(["mount", "-t", "cgroup2", "none", root], check=True)
before = (root / Path("/proc/self/cgroup").read_text().split("::/")[-1].strip()) / "cgroup.procs"
unit = root / "system.slice" / "{UNIT}"
made = not unit.parent.exists()
rules = (
    Allowance(name="mail", service="{UNIT}", network="192.0.2.0/24", protocol="tcp", ports=(4444,)),
)
plan = Plan(frozenset({{(ip_address("{BROKER}"), 8443)}}), frozenset(), rules)

def reaches():
    with socket.socket() as one:
        one.settimeout(0.5)
        return one.connect_ex(("{ATTACKER}", 4444)) == 0

try:
    firewall.check(rules)
except Failed as error:
    print(error)
unit.mkdir(parents=True)
try:
    firewall.check(rules)
    first = firewall.LinuxFirewall().apply(plan)
    print("elsewhere", reaches())
    (unit / "cgroup.procs").write_text(str(os.getpid()))
    print("in the unit", reaches())
    before.write_text(str(os.getpid()))
    unit.rmdir()
    unit.mkdir()  # as when it is started anew
    print("seen", firewall.LinuxFirewall().read() != first)
    print("again", firewall.LinuxFirewall().apply(plan) == first)
    unit.rmdir()
    print("without it", firewall.LinuxFirewall().apply(plan).table.count("cgroupv2"))
finally:
    before.write_text(str(os.getpid()))
    if unit.exists():
        unit.rmdir()
    if made:
        unit.parent.rmdir()
"""


def writable_cgroups() -> bool:
    kinds = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return any(words[2] == "cgroup2" and words[3].startswith("rw") for words in kinds)


pytestmark = [
    PROGRAMS,
    ROOT,
    pytest.mark.skipif(not writable_cgroups(), reason="a control group needs a writable cgroup v2"),
]


@pytest.fixture
def device() -> Iterator[Host]:
    with hosts("dev", "world") as (device, world):
        cable(device, world, ("d0", "w0"), (f"{DEVICE}/24", f"{BROKER}/24"))
        world.ip("addr", "add", f"{ATTACKER}/24", "dev", "w0")
        with world.listens(ATTACKER, 4444):
            yield device


def test_only_the_units_own_processes_pass(device: Host) -> None:
    ran = subprocess.run(
        ["ip", "netns", "exec", device.name, sys.executable, "-c", INSIDE],
        capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        f"the rule mail: the unit {UNIT} does not run here; start it first",
        "elsewhere False",
        "in the unit True",
        "seen True",
        "again True",
        "without it 0",
    ]
