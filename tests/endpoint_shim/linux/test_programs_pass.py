"""Selective isolation by program: real programs, real traffic, the real guard."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.language.wire_contain import Allowance
from tests.endpoint_shim.linux import cgroups
from tests.endpoint_shim.linux.guarded import ATTACKER, Guarded, guarded
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT
from tests.endpoint_shim.waiting import until

pytestmark = [
    PROGRAMS,
    ROOT,
    pytest.mark.skipif(not cgroups.writable(), reason="it takes a writable cgroup v2"),
]
PORT, OTHER = 4444, 4445
PYTHON = os.path.realpath(sys.executable)
# Each line is an expression, whose value is told.
TOLD = """
import errno, os, socket, subprocess, sys
def reaches(port, keep=False):
    one = socket.socket()
    one.settimeout(0.5)
    kept.append(one)
    return one.connect_ex(("ADDRESS", port)) == 0
def fails(program):
    try:
        os.execv(program, ["x" * 200_000])
    except OSError as error:
        return errno.errorcode[error.errno]
kept = []
for line in sys.stdin:
    print(eval(line), flush=True)
""".replace("ADDRESS", ATTACKER)


CHILD = """
import socket
def connected():
    one.settimeout(0.5)
    return one.connect_ex(("ADDRESS", PORT)) == 0
with socket.socket() as one:
    if connected():
        one.settimeout(20)
        try:
            one.recv(1)
        except OSError as error:
            print(type(error).__name__, end=" ")
with socket.socket() as one:
    print("reached" if connected() else "not")
""".replace("ADDRESS", ATTACKER).replace("PORT", str(PORT))

RUNNING: list["Running"] = []


class Running:
    """A program that runs on the device until its input ends, and does what it is told."""

    def __init__(self, device: Guarded, program: Path | str, place: str = "") -> None:
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", place or device.device.name, str(program), "-c", TOLD],
            env={"PYTHONHOME": sys.base_prefix},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        RUNNING.append(self)
        assert self.told("1") == "1"

    def told(self, line: str) -> str:
        """The one line that it answers with."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def reaches(self, port: int = PORT) -> bool:
        return self.told(f"reaches({port})") == "True"

    @property
    def group(self) -> str:
        return group_of(self.process.pid)

    def end(self) -> None:
        if self.process.returncode is None:
            self.process.communicate(timeout=10)


def group_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text().rpartition("0::")[2].strip()


def reaches(device: Guarded, program: Path | str, port: int = PORT) -> bool:
    """Whether a fresh start of the program does."""
    one = Running(device, program)
    try:
        return one.reaches(port)
    finally:
        one.end()


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path) as (made, _):
        made.before = cgroups.AS_ON_A_HOST
        with made.world.listens(ATTACKER, PORT), made.world.listens(ATTACKER, OTHER):
            await made.start()
            try:
                yield made
            finally:
                while RUNNING:
                    RUNNING.pop().end()
                await made.kill()
                cgroups.clear(made.device.name)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program of its own, as root installs one."""
    folder = tmp_path / "opt"
    folder.mkdir()
    shutil.copy(PYTHON, folder / "mailer")
    return folder / "mailer"


def rule(program: Path) -> Allowance:
    return Allowance(name="mailer", process=str(program), protocol="tcp", ports=(PORT,))


async def test_only_the_program_passes(device: Guarded, program: Path) -> None:
    device.isolate()
    await device.settled()
    early = Running(device, program)
    assert early.group == "/"
    assert not early.reaches()
    device.isolate(scope="selective", rules=(rule(program),))
    now = await device.settled()
    assert (now.stage, now.scope, now.left_out) == ("done", "selective", ""), now
    assert early.reaches() and reaches(device, program)
    assert not early.reaches(OTHER) and not reaches(device, program, OTHER)
    assert not reaches(device, PYTHON) and not device.device.reaches(ATTACKER, PORT)
    elsewhere = Running(device, program, device.world.name)
    assert elsewhere.group == "/"  # in a network of its own, as a container is
    elsewhere.end()
    device.isolate(scope="none")
    await device.settled()
    assert early.group == "/" and not cgroups.of(device.device.name).exists()
    assert "fireline" not in device.rules()
    early.end()


async def test_the_shim_and_what_a_responders_command_starts_stay_where_they_are(
    device: Guarded, program: Path
) -> None:
    service = cgroups.root() / f"fireline-test-{os.getpid()}"
    command = cgroups.root() / f"fireline-{os.getpid():08x}"
    for one in (service, command):
        one.mkdir()
    (service / "cgroup.procs").write_text(str(device.pid))
    device.isolate(scope="selective", rules=(rule(program),))
    await device.settled()
    run = f"subprocess.run([{str(program)!r}, '-c', {CHILD!r}], capture_output=True, text=True)"
    try:
        for one in (service, command):
            starter = Running(device, PYTHON)
            (one / "cgroup.procs").write_text(str(starter.process.pid))
            assert starter.told(f"{run}.stdout.strip()") == "not"
            starter.end()
        assert group_of(device.pid) == f"/{service.name}"
    finally:
        (cgroups.root() / "cgroup.procs").write_text(str(device.pid))
        for one in (service, command):
            one.rmdir()


async def test_nobody_else_gets_in_and_it_holds_over_the_guards_death(
    device: Guarded, program: Path
) -> None:
    device.isolate(scope="selective", rules=(rule(program),))
    await device.settled()
    parent = Running(device, program)
    assert parent.reaches()
    # A child of it that runs another program is put out, and what it opened until then ends.
    child = f"subprocess.run([{PYTHON!r}, '-c', {CHILD!r}], capture_output=True, text=True).stdout"
    assert parent.told(f"({child}).split()[-1]") == "not"
    assert parent.told("kept[0].send(b'x')") == "1"  # what it opened itself goes on
    # Somebody else who tries to start it, and fails, is let in by nobody for long.
    other = Running(device, PYTHON)
    assert other.told(f"fails({str(program)!r})") == "E2BIG"
    await until(lambda: other.group == "/")
    assert not other.reaches()
    # The file of another has its name.
    os.rename(program, program.with_name("kept"))
    shutil.copy(PYTHON, program)
    os.chown(program, 1000, 1000)
    assert not reaches(device, program)
    os.replace(program.with_name("kept"), program)
    await until(lambda: reaches(device, program))
    # Without the guard what runs goes on, and what starts begins without the network.
    await device.kill()
    assert parent.reaches()
    late = Running(device, program)
    assert not late.reaches() and late.group == "/"
    await device.start()
    await until(late.reaches)
    assert parent.reaches() and not other.reaches()
    for one in (parent, other, late):
        one.end()
    device.isolate(scope="none")
    await device.settled()
