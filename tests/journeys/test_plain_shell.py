"""`shell NAME` by an exec without a terminal: standard input is data for the device's shell."""

import asyncio
import hashlib
import os

from server.audit.chunks import Kind, Reader
from tests.doors.rig import Rig, finished


async def test_lines_run_in_the_devices_shell_with_its_own_status(house: Rig) -> None:
    ran = await house.run("alice", "shell web-01", stdin=b"echo out; echo err >&2; exit 7\n")
    assert (ran.status, ran.out, ran.err) == (7, "out\n", "err\n")


async def test_a_large_input_and_output_arrive_whole(house: Rig) -> None:
    data = os.urandom(1 << 20).hex().encode()
    ran = await house.run("alice", "shell web-01", stdin=b"cat\n" + data)
    assert ran.status == 0
    assert hashlib.sha256(ran.out.encode()).digest() == hashlib.sha256(data).digest()


async def test_it_is_recorded_like_any_shell_and_verifies(house: Rig) -> None:
    await house.run("alice", "shell web-01", stdin=b"echo r''ecorded\n")
    found = [(Reader(p), p.stem) for p in (house.state / "recordings").glob("*.rec")]
    chunks = {name: [(c.kind, bytes(c.data)) for c in reader] for reader, name in found}
    session = next(n for n, c in chunks.items() if (Kind.INPUT, b"echo r''ecorded\n") in c)
    assert (Kind.OUTPUT, b"recorded\n") in chunks[session]
    verified = await house.run("carol", f"verify {session}")
    assert (verified.status, verified.err) == (0, "")


async def test_who_may_not_is_refused_and_nothing_runs(house: Rig) -> None:
    ran = await house.run("bob", "shell web-01", stdin=b"echo ran\n")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("refused: shell on web-01 needs advanced, you are basic")


async def test_a_client_that_goes_takes_its_shell_along(house: Rig) -> None:
    assert house.broker is not None
    command = house.ssh("alice", "shell web-01")
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
