"""A program's two pipes, read as its reader asks: what nobody reads stays in the program.

1. The end is the main process's end, whoever else holds the pipes: then exactly the bytes that
   stand in them at that moment are still read.
2. Once the reader has gone (a cancel), what still comes is read and dropped: a program that tidies
   up in its grace must neither be stopped by a full pipe nor ended by a closed one.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import AsyncGenerator
from typing import IO, Literal

from endpoint_shim.linux.child import Child

PIECE = 65_536
Where = Literal["stdout", "stderr"]


def taken(*pipes: IO[bytes] | None) -> list[int]:
    """A Popen's pipes by numbers of our own: its file objects would close them unasked."""
    ends = []
    for pipe in pipes:
        assert pipe is not None
        ends.append(os.dup(pipe.fileno()))
        pipe.close()
    return ends


class Output:
    """Both reading ends; this object closes them, at the latest when the process ends."""

    def __init__(self, child: Child, stdout: int, stderr: int) -> None:
        self._child = child
        self._pipes: dict[Where, int] = {"stdout": stdout, "stderr": stderr}
        for pipe in self._pipes.values():
            os.set_blocking(pipe, False)

    async def pieces(self) -> AsyncGenerator[tuple[Where, bytes], None]:
        """Its output in the order in which the pipes have some."""
        try:
            while self._pipes:
                # Asked before reading: what it wrote before its end is there by now.
                ended = self._child.exited.done()
                if ended:
                    for piece in self._last():
                        yield piece
                    return
                anything = False
                for where in list(self._pipes):
                    if data := self._read(where, PIECE):
                        anything = True
                        yield where, data
                if not anything:
                    await self._more()
            # Both are closed, but it still runs: there is nothing more to wait for but its end.
            await self._child.wait()
        finally:
            self._drop_the_rest()

    def _drop_the_rest(self) -> None:
        if self._child.exited.done():
            self._close()
            return
        loop = asyncio.get_running_loop()
        for where, pipe in self._pipes.items():
            loop.add_reader(pipe, self._drop, where)
        self._child.exited.add_done_callback(lambda _: self._close())

    def _drop(self, where: Where) -> None:
        pipe = self._pipes[where]
        with contextlib.suppress(BlockingIOError):
            if not os.read(pipe, PIECE):
                asyncio.get_running_loop().remove_reader(pipe)
                os.close(self._pipes.pop(where))

    def _close(self) -> None:
        """Gives the pipes up; who writes to them from now on gets SIGPIPE."""
        loop = asyncio.get_running_loop()
        for pipe in self._pipes.values():
            loop.remove_reader(pipe)
            os.close(pipe)
        self._pipes.clear()

    def _last(self) -> list[tuple[Where, bytes]]:
        found: list[tuple[Where, bytes]] = []
        for where, pipe in list(self._pipes.items()):
            left = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
            while left > 0 and (data := self._read(where, min(left, PIECE))):
                left -= len(data)
                found.append((where, data))
        return found

    def _read(self, where: Where, most: int) -> bytes:
        try:
            data = os.read(self._pipes[where], most)
        except BlockingIOError:
            return b""
        if not data:
            os.close(self._pipes.pop(where))
        return data

    async def _more(self) -> None:
        """Until a pipe has something, or the process has ended."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake(_: object = None) -> None:
            if not woken.done():
                woken.set_result(None)

        pipes = list(self._pipes.values())
        for pipe in pipes:
            loop.add_reader(pipe, wake)
        self._child.exited.add_done_callback(wake)
        try:
            await woken
        finally:
            self._child.exited.remove_done_callback(wake)
            for pipe in pipes:
                loop.remove_reader(pipe)
