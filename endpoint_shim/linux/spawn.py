"""Starts a worker with one end of a socketpair, and tells when it has ended (a pidfd)."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys

from endpoint_shim.pipe import Pipe

assert sys.platform != "win32"

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


class LinuxChild:
    """A child of this process, watched without a thread."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = os.pidfd_open(process.pid)
        self._loop.add_reader(self._pidfd, self._ended)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _ended(self) -> None:
        status = self._process.poll()
        if status is None:
            return
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        if not self.exited.done():
            self.exited.set_result(status)


async def spawn(argv: list[str], pipe: Pipe) -> LinuxChild:
    """The child knows its end by the one argument that is added here."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.setblocking(False)
        process = subprocess.Popen(  # noqa: ASYNC220 (waits for the exec of our own interpreter)
            [*argv, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            env=ENVIRONMENT,
            cwd="/",
        )
    child = LinuxChild(process)
    await asyncio.get_running_loop().create_unix_connection(lambda: pipe, sock=ours)
    return child


async def join(pipe: Pipe, arguments: list[str]) -> None:
    """In the worker: its end of the socketpair; no child of it may inherit that."""
    end = socket.socket(fileno=int(arguments[0]))
    end.set_inheritable(False)
    end.setblocking(False)
    await asyncio.get_running_loop().create_unix_connection(lambda: pipe, sock=end)
