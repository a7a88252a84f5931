"""A rule for a program that a real systemd runs as a service: who keeps it is not misled."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language.wire_contain import Allowance, Isolate, Want
from tests.endpoint_shim.door import Door
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT
from tests.endpoint_shim.linux.started import BEACON_HEARD, SYSTEMD, Started
from tests.endpoint_shim.linux.test_started import enrolled, isolate, line_of, settled, start
from tests.endpoint_shim.waiting import until

pytestmark = [PROGRAMS, ROOT, pytest.mark.needs(SYSTEMD, "nsenter")]
UNIT = "[Service]\nType=exec\nRestart=always\nExecStart=/etc/mailer /etc/beacon.py\n"
RULES = (Allowance(name="mail", process="/etc/mailer", protocol="udp", ports=(4444,)),)


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Started, Door]]:
    async with enrolled(tmp_path) as (device, door):
        device.enable("systemd-networkd.service")
        yield device, door


async def test_a_service_whose_program_may_pass_stays_systemds(both: tuple[Started, Door]) -> None:
    device, door = both
    await start(device)
    device.run("cp", "/usr/bin/python3", "/etc/mailer")
    device.run("sh", "-c", f"printf '{UNIT}' > /run/systemd/system/mailer.service")
    device.run("systemctl", "daemon-reload")
    device.run("systemctl", "start", "mailer.service")
    assert device.endpoint("service", "install", "--anyway")[1] == 0
    line = await line_of(door)

    def shown(what: str) -> str:
        return device.run("systemctl", "show", "--value", f"--property={what}", "mailer.service")

    def group() -> str:
        return device.run("cat", f"/proc/{shown('MainPID')}/cgroup").splitlines()[-1]

    assert (await isolate(line, 1)).stage == "done"
    device.wire.frames.clear()
    line.say(Want(isolation=Isolate(generation=2, scope="selective", rules=RULES)))
    now = await settled(line, 2)
    assert (now.stage, now.left_out) == ("done", ""), now
    await until(lambda: device.wire.strangers() == {BEACON_HEARD})
    assert group().startswith("0::/fireline-pass-")
    assert (shown("ActiveState"), shown("NRestarts")) == ("active", "0")
    first = shown("MainPID")
    await asyncio.to_thread(device.run, "systemctl", "restart", "mailer.service")
    assert shown("MainPID") != first and group().startswith("0::/fireline-pass-")
    device.wire.frames.clear()
    await until(lambda: device.wire.strangers() == {BEACON_HEARD})
    device.run("kill", "-9", shown("MainPID"))
    await until(lambda: shown("NRestarts") == "1" and shown("ActiveState") == "active")
    assert (await isolate(line, 3, "none")).stage == "done"
    assert group() == "0::/system.slice/mailer.service"
    assert device.tries("sh", "-c", "ls -d /sys/fs/cgroup/fireline-pass*")[1] != 0
    await asyncio.to_thread(device.run, "systemctl", "stop", "mailer.service")
    assert shown("ActiveState") == "inactive"
