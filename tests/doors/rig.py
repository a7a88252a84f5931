"""A real broker in this process, and the stock ssh client against it."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commands.language.enrolment import parse_token
from endpoint_shim.enrol import enroll
from server.broker import Broker
from server.config import Config, Limits
from server.identity.device_ca import create_ca
from server.identity.host_key import create_host_key, known_hosts_line, load_host_key

PEOPLE = ("alice", "bob", "carol", "olga")

RULES = """\
rules:
  - name: everything
    people: [alice]
    role: advanced
    devices: all
    rights: {library: write}
  - name: look
    people: [bob]
    role: basic
    devices: all
  - name: audit
    people: [carol]
    role: auditor
    devices: all
  - name: operate
    people: [olga]
    role: operator
    devices: all
"""


@dataclass
class Ran:
    """What a client printed, and its status."""

    status: int
    out: str
    err: str


def make_key(folder: Path, name: str) -> str:
    """A key pair by ssh-keygen; the public line."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)],
        check=True,
    )
    return (folder / f"{name}.pub").read_text().strip()


@dataclass
class Rig:
    """One broker and its state folder."""

    state: Path
    keys: Path
    limits: Limits = field(default_factory=Limits)
    people: dict[str, str] = field(default_factory=dict)
    broker: Broker | None = None

    @property
    def port(self) -> int:
        assert self.broker is not None
        return self.broker.ports.ssh

    def write_access(self, people: dict[str, str] | None = None, rules: str = RULES) -> None:
        """The access file; a reload is the broker's own affair."""
        people = self.people if people is None else people
        lines = ["people:"]
        for name, key in people.items():
            lines += [f"  {name}:", f'    keys: ["{key}"]']
        (self.state / "access.yaml").write_text("\n".join(lines) + "\n" + rules)

    async def start(self) -> None:
        self.state.mkdir(mode=0o700)
        self.keys.mkdir(mode=0o700)
        create_ca(self.state)
        create_host_key(self.state)
        self.people = {name: make_key(self.keys, name) for name in PEOPLE}
        self.write_access()
        config = Config(self.state, ssh_port=0, device_port=0, enrolment_port=0, limits=self.limits)
        self.broker = await Broker.start(config)
        known = known_hosts_line("127.0.0.1", self.port, load_host_key(self.state))
        (self.keys / "known_hosts").write_text(known)

    async def stop(self) -> None:
        if self.broker is not None:
            await self.broker.stop("the test ends")

    def ssh(self, person: str, *words: str, options: tuple[str, ...] = ()) -> list[str]:
        """The client's command line."""
        known = self.keys / "known_hosts"
        return [
            "ssh", "-F", "none", "-p", str(self.port), "-i", str(self.keys / person),
            "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={known}",
            "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", *options,
            f"{person}@127.0.0.1", *words,
        ]  # fmt: skip

    async def run(
        self, person: str, *words: str, stdin: bytes | None = b"", options: tuple[str, ...] = ()
    ) -> Ran:
        """One ssh, to its end."""
        return await finished(self.ssh(person, *words, options=options), stdin)

    async def journal(self) -> list[Any]:
        """The bodies of the broker's own journal."""
        assert self.broker is not None
        return [record.body async for record in self.broker.journal.records("broker")]


async def finished(command: list[str], stdin: bytes | None = b"", limit: float = 30) -> Ran:
    """A process, to its end; the environment is a clean one."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "xterm"},
    )
    try:
        async with asyncio.timeout(limit):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return Ran(process.returncode or 0, out.decode(), err.decode())


@dataclass
class Device:
    """This machine's own shim, as a process of its own."""

    state: Path
    process: asyncio.subprocess.Process

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()


async def start_device(rig: Rig, name: str) -> Device:
    """Enrols this machine under a name and waits until its line is up."""
    broker = rig.broker
    assert broker is not None
    up = asyncio.Event()
    broker.inventory.on_line.append(lambda device: up.set() if device.online else None)
    text = (await rig.run("olga", "token", "new")).out
    state = rig.state.parent / f"device-{name}"
    # As its program does, without the start of one; a thread, for it brings a loop of its own.
    await asyncio.to_thread(enroll, state, parse_token(text.strip()), name)
    words = ["-m", "endpoint_shim", "run", "--state", str(state)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(20):
        await up.wait()
    return Device(state, process)
