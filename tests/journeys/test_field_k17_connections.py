"""Field reports k17: sockets that a list leaves out, or that make it fail."""

import os
import socket
import subprocess
import sys

import pytest

from tests.journeys.field import Field

LISTENS = (
    "import os, socket, subprocess, sys\n"
    "subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)\n"
    "s = socket.create_server(('127.0.0.1', 4445))\n"
    "print(os.readlink('/proc/self/ns/net'), flush=True)\n"
    "sys.stdin.read()\n"
)
SHORT_LIVED = (
    "import os, socket, time\n"
    "print(flush=True)\n"
    "while True:\n"
    "    pid = os.fork()\n"
    "    if pid == 0:\n"
    "        s = socket.create_server(('127.0.0.1', 0))\n"
    "        time.sleep(0.005)\n"
    "        os._exit(0)\n"
    "    os.waitpid(pid, 0)\n"
)


@pytest.mark.needs("unshare", "ip")
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_netns_a_containers_listener_is_listed_with_its_namespace_and_process(
    field: Field,
) -> None:
    with subprocess.Popen(
        ["unshare", "-n", sys.executable, "-c", LISTENS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        space = process.stdout.readline().strip()
        rows = field.rows("connections")
        process.kill()
    row = next(r for r in rows if r["local_port"] == 4445 and r["namespace"] == space)
    assert (row["pid"], row["status"], row["local_ip"]) == (process.pid, "LISTEN", "127.0.0.1")
    assert space != os.readlink("/proc/self/ns/net")


def test_udp_remote_a_connected_socket_shows_its_far_end(field: Field) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.2", 443))
        port = one.getsockname()[1]
        rows = field.rows("connections")
    row = next(r for r in rows if r["protocol"] == "udp" and r["local_port"] == port)
    assert (row["remote_ip"], row["remote_port"], row["pid"]) == ("127.0.0.2", 443, os.getpid())


def test_fd_race_processes_that_end_at_once_never_fail_the_list(field: Field) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SHORT_LIVED], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            for _ in range(5):
                for row in field.rows("connections"):
                    assert row["pid"] is not None or row["error"]
        finally:
            os.killpg(process.pid, 9)
