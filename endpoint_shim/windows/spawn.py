"""Starts a worker with its pipe as standard input and output, and tells when it has ended.

1. The end is the process's own: its pipes may stay open for as long as something it started lives
   (and `asyncio.subprocess.Process.wait` of Python 3.11 would wait for that).
2. In the worker threads read and write the pipe: it was not opened for overlapped use, which
   IOCP needs. Both hand over a bounded number of pieces.
"""

import asyncio
import contextlib
import msvcrt
import os
import queue
import subprocess
import sys
import threading

from endpoint_shim.pipe import Pipe

assert sys.platform == "win32"

LAST_WORDS_S = 0.5
PIECE = 65_536
UNDER_WAY = 64


class WindowsChild(asyncio.SubprocessProtocol):
    """A child of this process; what it says goes to `pipe`."""

    def __init__(self, pipe: Pipe) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipe = pipe
        self._transport: asyncio.SubprocessTransport | None = None
        self.exited: asyncio.Future[int] = self._loop.create_future()

    @property
    def pid(self) -> int:
        assert self._transport is not None
        return self._transport.get_pid()

    def kill(self) -> None:
        assert self._transport is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self._transport.kill()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        writing = transport.get_pipe_transport(0)
        assert writing is not None
        self._pipe.connection_made(writing)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._pipe.data_received(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._pipe.connection_lost(exc)
            self._end()

    def process_exited(self) -> None:
        # What it wrote last may still be under way; its end of the pipe may never close.
        self._loop.call_later(LAST_WORDS_S, self._end)
        self._end_if_read()

    def _end_if_read(self) -> None:
        assert self._transport is not None
        reading = self._transport.get_pipe_transport(1)
        if reading is None or reading.is_closing():
            self._end()

    def _end(self) -> None:
        assert self._transport is not None
        status = self._transport.get_returncode()
        if status is not None and not self.exited.done():
            self.exited.set_result(status)
            self._transport.close()


async def spawn(argv: list[str], pipe: Pipe) -> WindowsChild:
    """The worker gets three handles and no console window."""
    root = os.environ.get("SYSTEMROOT", "C:\\Windows")
    _, child = await asyncio.get_running_loop().subprocess_exec(
        lambda: WindowsChild(pipe),
        *argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None,
        env={"SYSTEMROOT": root, "PATH": f"{root}\\system32;{root}"},
        cwd=f"{root}\\system32",
        creationflags=subprocess.CREATE_NO_WINDOW,
    )
    return child


async def join(pipe: Pipe, arguments: list[str]) -> None:
    """In the worker: its standard input and output become the pipe, and nobody else's."""
    loop = asyncio.get_running_loop()
    reading, writing = _taken(0), _taken(1)
    pipe.connection_made(_Writer(writing))
    threading.Thread(target=_read, args=(reading, pipe, loop), daemon=True).start()


def _taken(fd: int) -> int:
    """A private copy; in its place stands NUL, so that a stray print says nothing."""
    own = os.dup(fd)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, fd, inheritable=False)
    os.close(nothing)
    # Bytes, not lines: the C library would change line ends.
    msvcrt.setmode(own, os.O_BINARY)
    return own


def _read(fd: int, pipe: Pipe, loop: asyncio.AbstractEventLoop) -> None:
    room = threading.Semaphore(UNDER_WAY)

    def deliver(data: bytes) -> None:
        room.release()
        pipe.data_received(data)

    # The loop is closed: this process ends.
    with contextlib.suppress(RuntimeError):
        with contextlib.suppress(OSError):
            while data := os.read(fd, PIECE):
                room.acquire()
                loop.call_soon_threadsafe(deliver, data)
        loop.call_soon_threadsafe(pipe.connection_lost, None)


class _Writer(asyncio.WriteTransport):
    """Writes in a thread; a supervisor that reads nothing any more is a broken pipe."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._closing = False
        self._waiting: queue.Queue[bytes] = queue.Queue(UNDER_WAY)
        threading.Thread(target=self._write, args=(fd,), daemon=True).start()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            self._waiting.put_nowait(bytes(data))
        except queue.Full:
            self._closing = True

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def _write(self, fd: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = self._waiting.get()
                while data:
                    data = data[os.write(fd, data) :]
        self._closing = True
