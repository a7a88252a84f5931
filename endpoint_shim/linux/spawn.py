"""Starts a worker with one end of a socketpair."""

import asyncio
import socket
import subprocess
import sys

from endpoint_shim.linux.child import Child
from endpoint_shim.pipe import Pipe

assert sys.platform != "win32"

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


async def spawn(argv: list[str], pipe: Pipe) -> Child:
    """The child knows its end by the one argument that is added here."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: ASYNC220 (waits for the exec of our own interpreter)
            [*argv, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            env=ENVIRONMENT,
            cwd="/",
        )
    child = Child(process.pid, process.poll)
    await connect(pipe, ours)
    return child


async def connect(pipe: Pipe, end: socket.socket) -> None:
    """Makes this end of a socketpair the pipe's."""
    end.setblocking(False)
    await asyncio.get_running_loop().create_unix_connection(lambda: pipe, sock=end)


async def join(pipe: Pipe, arguments: list[str]) -> None:
    """In the worker: its end of the socketpair; no child of it may inherit that."""
    end = socket.socket(fileno=int(arguments[0]))
    end.set_inheritable(False)
    await connect(pipe, end)
