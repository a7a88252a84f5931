"""The shim as a real service: installed, started, stopped and removed through the rig's SCM.

That Windows starts it again 2 s after it is killed is for the script of docs/windows.md: Wine keeps
the recovery actions and does nothing with them.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language import items, wire
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door
from tests.windows.rig import Rig

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows"),
    pytest.mark.timeout(240),
]

WAIT_S = 90.0
Ran = subprocess.CompletedProcess[bytes]


class Endpoint:
    """`fireline-endpoint` in the rig, with one state folder."""

    def __init__(self, windows: Rig, state: Path) -> None:
        self.windows, self.state = windows, state

    async def __call__(self, *words: str) -> Ran:
        whole = ["-I", "-m", "endpoint_shim", "--state", self.windows.path(self.state), *words]
        return await asyncio.to_thread(self.windows.run, whole, timeout=WAIT_S)

    def log(self) -> str:
        return (self.state / "service.log").read_text()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door, authority = Door(), Authority()
    # A blank in its path is what an unquoted command line would break at.
    authority.enrol(tmp_path / "a state", await door.listen(authority, tmp_path))
    yield door
    await door.close()


async def test_a_service_answers_until_it_is_removed(
    door: Door, windows: Rig, tmp_path: Path
) -> None:
    endpoint = Endpoint(windows, tmp_path / "a state")
    installed = await endpoint("service", "install", "--anyway")
    assert installed.returncode == 0, installed.stderr
    line, hello = await door.line()
    assert hello.facts.platform == "windows"
    line.say(wire.Begin(session="S1"))
    line.say(wire.Open(session="S1", stream="S1.w1", token="t" * 32))
    peer, _ = await door.stream()
    peer.say(wire.Start(command={"word": "processes"}, number=1, folder="C:\\"))
    assert (await peer.until_done())[1] == items.Done()

    state = await endpoint("service", "state")
    assert b"the service is running" in state.stdout
    assert b"as LocalSystem, and starts with the system" in state.stdout

    removed = await endpoint("service", "remove")
    assert removed.returncode == 0, removed.stderr
    # Stopped as it was asked to, not cut: it said Bye.
    assert (await line.next(wire.Bye)).reason == "the shim stops"
    assert "INFO fireline.supervisor: line to 127.0.0.1:" in endpoint.log()
    assert list((endpoint.state / "sessions").iterdir()) == []


async def test_a_device_without_an_identity_becomes_no_service(
    windows: Rig, tmp_path: Path
) -> None:
    endpoint = Endpoint(windows, tmp_path)
    refused = await endpoint("service", "install")
    assert refused.returncode != 0 and b"fireline-endpoint enroll" in refused.stderr
    assert b"no service here" in (await endpoint("service", "state")).stdout
