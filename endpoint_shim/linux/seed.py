"""Workers that grow from a process which has loaded what they need: a fork in place of the start of
a Python and of its modules, a tenth of the time.

1. The seed has one thread, no loop, no secret and nothing of any session: what it is before a fork
   is what a program of its own is after its imports. It forks, tells ends, and does nothing else.
2. It is made for the first worker, goes a while after the last, and ends when the supervisor does;
   its workers do not end with it: each ends with its own pipe.
3. Where it fails, a worker is started as a program of its own, and the next one has a new seed.
"""

import asyncio
import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from typing import NoReturn

from endpoint_shim.linux.child import Child
from endpoint_shim.linux.spawn import ENVIRONMENT, connect, spawn
from endpoint_shim.pipe import Pipe

assert sys.platform != "win32"

WORD = "seed"
"""Before its descriptor in the arguments of the worker's own program."""
ANSWER_S = 10.0
REST_S = 60.0
LATER_S = 0.3
LONGEST = 64
UNKNOWN = 255
"""The status of a worker whose seed ended before it."""


class Grown:
    """A worker that the seed forked off; the seed alone may ask the kernel for its status."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = pidfd

    def kill(self) -> None:
        """By force; no error if it has ended."""
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def ended(self, status: int) -> None:
        """As the seed tells it."""
        if not self.exited.done():
            os.close(self._pidfd)
            self.exited.set_result(status)

    def orphaned(self) -> None:
        """The seed has ended: the kernel tells that it ends, and nobody with what."""
        self._loop.add_reader(self._pidfd, self._end_is_seen)

    def _end_is_seen(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self.ended(UNKNOWN)


class Seed:
    """In the supervisor: one seed at a time, asked for workers one after another."""

    def __init__(self, worker: Sequence[str]) -> None:
        self._worker = list(worker)
        self._process: Child | None = None
        self._socket: socket.socket | None = None
        self._asked: deque[asyncio.Future[Grown]] = deque()
        self._grown: dict[int, Grown] = {}
        self._resting: asyncio.TimerHandle | None = None

    async def start(self, pipe: Pipe) -> Child | Grown:
        """A worker whose other end of the pipe is `pipe`."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                child = await self._forked(theirs)
        except OSError:
            ours.close()
            self.close()
            return await spawn(self._worker, pipe)
        await connect(pipe, ours)
        return child

    def close(self) -> None:
        """The seed is ended; what grew from it is told of to its end."""
        if self._resting is not None:
            self._resting.cancel()
        if self._socket is None or self._process is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        self._process.kill()
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(ConnectionError("the seed of workers ended"))
        self._asked.clear()
        for child in self._grown.values():
            child.orphaned()
        self._grown.clear()

    async def closed(self) -> None:
        """Closes it and waits until it has ended; it touches no file, so the kernel holds it in
        none."""
        self.close()
        if self._process is not None:
            await self._process.wait()

    async def _forked(self, pipe_end: socket.socket) -> Grown:
        if self._socket is None:
            self._make()
        assert self._socket is not None
        if self._resting is not None:
            self._resting.cancel()
        answer: asyncio.Future[Grown] = asyncio.get_running_loop().create_future()
        socket.send_fds(self._socket, [b"worker"], [pipe_end.fileno()])
        self._asked.append(answer)
        async with asyncio.timeout(ANSWER_S):
            return await answer

    def _make(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        with theirs:
            process = subprocess.Popen(
                [*self._worker, WORD, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=ENVIRONMENT,
                cwd="/",
            )
        self._process = Child(process.pid, process.poll)
        asyncio.get_running_loop().add_reader(self._socket, self._told)

    def _told(self) -> None:
        assert self._socket is not None
        try:
            said, handles, _, _ = socket.recv_fds(self._socket, LONGEST, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            said, handles = b"", []
        match [int(word) for word in said.split()]:
            case [pid] if handles:
                child = self._grown[pid] = Grown(pid, handles[0])
                answer = self._asked.popleft()
                if not answer.done():
                    answer.set_result(child)
            case [pid, status]:
                self._grown.pop(pid).ended(status)
                self._rest()
            case _:
                self.close()

    def _rest(self) -> None:
        if not self._grown and not self._asked:
            self._resting = asyncio.get_running_loop().call_later(REST_S, self.close)


def serve(
    descriptor: int, worker: Callable[[int], None], load_more: Callable[[], None]
) -> NoReturn:
    """The seed: forks a worker for each end of a pipe that it is given, until nobody gives any.

    `load_more` is for later ones: a moment after the first, which has the processor until then.
    """
    asked = socket.socket(fileno=descriptor)
    living: dict[int, int] = {}
    loaded = False
    with selectors.DefaultSelector() as selector:
        selector.register(asked, selectors.EVENT_READ)
        while True:
            ready = selector.select(LATER_S if living and not loaded else None)
            if not ready:
                loaded = True
                load_more()
            for key, _ in ready:
                if key.fd in living:
                    selector.unregister(key.fd)
                    _tell_end(asked, key.fd, living.pop(key.fd))
                else:
                    pid = _fork(asked, [selector.fileno(), *living], worker)
                    pidfd = os.pidfd_open(pid)
                    living[pidfd] = pid
                    selector.register(pidfd, selectors.EVENT_READ)
                    socket.send_fds(asked, [b"%d" % pid], [pidfd])


def _fork(asked: socket.socket, own: list[int], worker: Callable[[int], None]) -> int:
    """The pid of a new worker; the seed's own descriptors are nothing to it."""
    _, handles, _, _ = socket.recv_fds(asked, LONGEST, 1, socket.MSG_CMSG_CLOEXEC)
    if not handles:  # the supervisor has ended, or wants no more
        os._exit(0)
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for handle in (asked.detach(), *own):
                os.close(handle)
            worker(handles[0])  # ends this process
        finally:
            traceback.print_exc()
            os._exit(1)
    os.close(handles[0])
    return pid


def _tell_end(asked: socket.socket, pidfd: int, pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    os.close(pidfd)
    asked.send(b"%d %d" % (pid, os.waitstatus_to_exitcode(status)))
