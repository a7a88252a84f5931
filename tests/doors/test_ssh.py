"""The listener, with the clients that people have and the options they set."""

import asyncio
import json
import sys
from pathlib import Path

import asyncssh

from tests.doors.rig import Rig, finished


async def test_ssh_audit_finds_no_failure(rig: Rig) -> None:
    program = Path(sys.executable).parent / "ssh-audit"
    ran = await finished([str(program), "-j", "-p", str(rig.port), "127.0.0.1"], limit=60)
    found = json.loads(ran.out)
    failures = [
        f"{entry['algorithm']}: {entry['notes']['fail']}"
        for kind in ("kex", "key", "enc", "mac")
        for entry in found[kind]
        if entry.get("notes", {}).get("fail")
    ]
    assert failures == []
    assert found["kex"][0]["algorithm"] == "curve25519-sha256"
    assert "none" in found["compression"] and len(found["compression"]) == 1
    assert not any("chacha20" in entry["algorithm"] for entry in found["enc"])


async def test_a_master_connection_serves_many_commands(rig: Rig) -> None:
    socket = rig.keys / "m"
    options = ("-o", f"ControlPath={socket}", "-o", "ControlMaster=auto")
    keep = (*options, "-o", "ControlPersist=30")
    assert (await finished([*rig.ssh("alice", "-fN", options=keep)[:-2], "-fN", "alice@127.0.0.1"])
            ).status == 0  # fmt: skip
    try:
        for _ in range(5):
            assert (await rig.run("alice", "help", options=options)).status == 0
        assert (await rig.run("alice", "getfle", options=options)).status == 2
    finally:
        await finished(rig.ssh("alice", options=(*options, "-O", "exit")))


async def test_rekeying_every_megabyte_and_asking_every_second_disturbs_nothing(
    rig: Rig,
) -> None:
    options = ("-o", "RekeyLimit=1M", "-o", "ServerAliveInterval=1")
    data = b"#!/bin/sh\n" + b"# filler\n" * 500_000
    ran = await rig.run("alice", "library add big.sh -output json", stdin=data, options=options)
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)[0]["size"] == len(data)


async def test_a_client_that_reads_nothing_costs_bounded_memory_and_nobody_elses_time(
    rig: Rig,
) -> None:
    async with asyncssh.connect(
        "127.0.0.1", rig.port, username="alice", client_keys=[str(rig.keys / "alice")],
        known_hosts=None, config=None,
    ) as client:  # fmt: skip
        process = await client.create_process("help")
        process.stdout.channel.pause_reading()
        for _ in range(3):
            assert (await rig.run("alice", "help")).status == 0


async def test_sessions_of_one_connection_are_bounded(rig: Rig) -> None:
    async with asyncssh.connect(
        "127.0.0.1", rig.port, username="alice", client_keys=[str(rig.keys / "alice")],
        known_hosts=None, config=None,
    ) as client:  # fmt: skip
        processes = [await client.create_process() for _ in range(20)]
        refused = await asyncio.gather(client.create_process(), return_exceptions=True)
        assert isinstance(refused[0], asyncssh.ChannelOpenError)
        processes[0].stdin.write_eof()
        await processes[0].wait()
        assert (await client.run("help")).exit_status == 0


async def test_a_stopping_broker_tells_everybody(rig: Rig) -> None:
    async with asyncssh.connect(
        "127.0.0.1", rig.port, username="alice", client_keys=[str(rig.keys / "alice")],
        known_hosts=None, config=None,
    ) as client:  # fmt: skip
        process = await client.create_process(term_type="xterm")
        await process.stdout.readuntil("fireline")
        await rig.stop()
        rig.broker = None
        assert "the test ends; the connection ends" in await process.stdout.read()


async def test_one_byte_packets_while_paused_are_joined(rig: Rig) -> None:
    """A list of single bytes would take the broker minutes to empty."""
    async with asyncssh.connect(
        "127.0.0.1", rig.port, username="alice", client_keys=[str(rig.keys / "alice")],
        known_hosts=None, config=None, encoding=None,
    ) as client:  # fmt: skip
        process = await client.create_process("library add drops.sh", encoding=None)
        for byte in b"#!/bin/sh\n" * 2000:
            process.stdin.write(bytes([byte]))
        process.stdin.write_eof()
        async with asyncio.timeout(20):
            assert (await process.wait()).exit_status == 0
