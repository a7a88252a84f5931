"""`shell NAME` by an exec without a terminal: standard input is data for the device's shell."""

import asyncio
import dataclasses
import hashlib
import json
import os

import pytest

from commands.language.line import parse
from commands.shell import Shell
from server.audit.chunks import Kind, Reader
from server.live.responder import Responder
from server.live.terminal_job import TerminalJob
from tests.doors.rig import Rig, finished

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_lines_run_in_the_devices_shell_with_its_own_status(shared: Rig) -> None:
    ran = await shared.run("alice", "shell web-01", stdin=b"echo out; echo err >&2; exit 7\n")
    assert (ran.status, ran.out, ran.err) == (7, "out\n", "err\n")


async def test_a_large_input_and_output_arrive_whole(shared: Rig) -> None:
    data = os.urandom(1 << 20).hex().encode()
    ran = await shared.run("alice", "shell web-01", stdin=b"cat\n" + data)
    assert ran.status == 0
    assert hashlib.sha256(ran.out.encode()).digest() == hashlib.sha256(data).digest()


async def test_it_is_recorded_like_any_shell_and_verifies(shared: Rig) -> None:
    await shared.run("alice", "shell web-01", stdin=b"echo r''ecorded\n")
    found = [(Reader(p), p.stem) for p in (shared.state / "recordings").glob("*.rec")]
    chunks = {name: [(c.kind, bytes(c.data)) for c in reader] for reader, name in found}
    session = next(n for n, c in chunks.items() if (Kind.INPUT, b"echo r''ecorded\n") in c)
    assert (Kind.OUTPUT, b"recorded\n") in chunks[session]
    cast = (await shared.run("carol", f"replay {session} -output cast")).out.splitlines()
    assert [json.loads(line)[2] for line in cast[1:] if json.loads(line)[1] == "o"] == [
        "recorded\r\n"
    ]
    verified = await shared.run("carol", f"verify {session}")
    assert (verified.status, verified.err) == (0, "")


async def test_who_may_not_is_refused_and_nothing_runs(shared: Rig) -> None:
    ran = await shared.run("bob", "shell web-01", stdin=b"echo ran\n")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("refused: shell on web-01 needs advanced, you are basic")


async def test_a_client_that_goes_takes_its_shell_along(shared: Rig) -> None:
    assert shared.broker is not None
    command = shared.ssh("alice", "shell web-01")
    client = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert client.stdin is not None and client.stdout is not None
    client.stdin.write(b"echo $$; exec sleep 1000\n")
    pid = int(await client.stdout.readline())
    client.kill()
    await client.wait()
    gone = await finished(["tail", f"--pid={pid}", "-f", "/dev/null"])
    assert gone.status == 0 and not os.path.exists(f"/proc/{pid}")


async def test_what_is_typed_while_the_recording_is_not_on_the_disk_is_held_not_lost(
    shared: Rig,
) -> None:
    assert shared.broker is not None
    who = Responder("alice", "key", "here", "ssh", "shell")
    session = await shared.broker.sessions.open(who, "web-01")
    typed = dataclasses.replace(parse("shell"), command=Shell(terminal=False))
    job = await session.execute(typed)
    assert isinstance(job, TerminalJob)
    shown, room = bytearray(), asyncio.Event()
    viewer = job.view(shown.extend, 80, 24)
    viewer.on_writable = room.set
    job.freeze(True)
    assert not viewer.write(b"echo held\n") and not room.is_set()
    job.freeze(False)
    assert room.is_set()
    viewer.end_input()
    async with asyncio.timeout(20):
        await job.wait()
    assert (bytes(shown), job.shell_status) == (b"held\n", 0)
    await session.end("the test ends")
