"""The doors' limits as settings of the broker: each is reached, and let go of again."""

import asyncio
import ssl
from pathlib import Path

from server.config import Limits
from tests.doors.rig import Rig


async def test_connections_of_one_person_are_bounded_and_the_others_are_not(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path / "state", tmp_path / "keys", Limits(connections_per_person=1))
    await rig.start()
    try:
        first = await asyncio.create_subprocess_exec(
            *rig.ssh("alice"), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert first.stdin is not None and first.stdout is not None
        first.stdin.write(b"why run\n")
        assert await first.stdout.readline()
        ran = await rig.run("alice", "why run")
        assert ran.status == 255
        assert "too many connections of yours are open; end one first" in ran.err
        assert (await rig.run("bob", "why dir")).status == 0
        first.stdin.close()
        await first.wait()
        assert (await rig.run("alice", "why run")).status == 0
    finally:
        await rig.stop()


async def test_handshakes_of_devices_take_turns(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "state", tmp_path / "keys", Limits(handshakes=1))
    await rig.start()
    assert rig.broker is not None
    port = rig.broker.ports.devices
    try:
        _, holder = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(client_hello())
        answer = asyncio.create_task(reader.read(5))
        done, _ = await asyncio.wait({answer}, timeout=0.5)
        assert not done
        holder.close()
        async with asyncio.timeout(4):  # a silent one would be cut after 5 s by itself
            assert (await answer)[:1] == b"\x16"  # a handshake record
        writer.close()
    finally:
        await rig.stop()


def client_hello() -> bytes:
    """What a TLS client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    hello = client.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without a server")
