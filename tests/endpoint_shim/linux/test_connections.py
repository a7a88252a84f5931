"""Sockets of hard cases: another namespace, connected UDP, processes that end at once."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from commands.language.host.connections import ConnectionRow
from endpoint_shim.linux.connections import LinuxConnections
from endpoint_shim.linux.sockets import address


async def listed() -> list[ConnectionRow]:
    return [one async for one in LinuxConnections().list() if not isinstance(one, str)]


@contextmanager
def process(code: str, *before: str) -> Iterator[tuple[int, str]]:
    """A process that has printed one line."""
    started = subprocess.Popen(
        [*before, sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert started.stdout is not None
        yield started.pid, started.stdout.readline().decode().strip()
    finally:
        started.kill()
        started.communicate()


async def test_a_listener_and_both_ends_of_a_connection_have_their_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as one, server.accept()[0]:
            rows = await listed()
            here = one.getsockname()[1]
    by_ends = {(row.local_port, row.remote_port): row for row in rows if row.protocol == "tcp"}
    listening = by_ends[(port, None)]
    assert (listening.status, listening.remote_ip, listening.local_ip) == (
        "LISTEN",
        None,
        "127.0.0.1",
    )
    for ends in ((port, here), (here, port)):
        assert by_ends[ends].status == "ESTABLISHED"
        assert by_ends[ends].pid == os.getpid()
    assert listening.namespace == os.readlink("/proc/self/ns/net")


async def test_ipv6_addresses_are_written_as_people_do() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        rows = await listed()
        port = server.getsockname()[1]
    assert [r.local_ip for r in rows if r.protocol == "tcp6" and r.local_port == port] == ["::1"]


async def test_a_connected_udp_socket_shows_its_far_end() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.2", 443))
        port = one.getsockname()[1]
        rows = await listed()
    row = next(r for r in rows if r.protocol == "udp" and r.local_port == port)
    assert (row.remote_ip, row.remote_port, row.pid) == ("127.0.0.2", 443, os.getpid())


@pytest.mark.needs("unshare", "ip")
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
async def test_a_listener_in_another_network_namespace_is_listed_with_it() -> None:
    code = (
        "import os, socket, subprocess, sys\n"
        "subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)\n"
        "s = socket.create_server(('127.0.0.1', 4444))\n"
        "print(os.readlink('/proc/self/ns/net'), flush=True)\n"
        "sys.stdin.read()\n"
    )
    with process(code, "unshare", "-n") as (pid, space):
        rows = await listed()
    row = next(r for r in rows if r.local_port == 4444 and r.namespace == space)
    assert (row.pid, row.status) == (pid, "LISTEN")
    assert space != os.readlink("/proc/self/ns/net")


async def test_sockets_of_processes_that_end_at_once_never_fail_the_list() -> None:
    churn = (
        "import os, socket\n"
        "print(flush=True)\n"
        "while True:\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        s = socket.create_server(('127.0.0.1', 0))\n"
        "        os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
    )
    with process(churn):
        for _ in range(30):
            for row in await listed():
                assert row.pid is not None or row.error


def test_addresses_of_the_table_are_read_in_the_machines_order() -> None:
    assert sys.byteorder == "little"
    assert address(b"0100007F:01BB") == ("127.0.0.1", 443)
    assert address(b"B80D0120000000000000000001000000:0050") == ("2001:db8::1", 80)
