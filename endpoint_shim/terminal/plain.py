"""A shell without a terminal: lines in by a pipe, output and errors out by two, tied by callbacks.

1. What the pipe does not take waits in a bounded buffer; from KEEP on `write` says False.
2. Its end is the shell's own end, whoever else holds the pipes; then what stands in them is given.
3. Paused, nothing is read: what the shell says stays in its pipes, and so stops it.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable

from commands.language.errors import Failed
from commands.language.host.terminal import Terminal
from endpoint_shim.groups import Group
from endpoint_shim.linux.child import Child, forget_ignored_signals
from endpoint_shim.linux.login import Login, argv, environment
from endpoint_shim.linux.output import Output

KEEP = 256 * 1024
KEEP_AT_MOST = KEEP + 128 * 1024


def plain_shell(who: Login, folder: bytes, group: Group, line: bytes | None = None) -> Terminal:
    """The login shell, as sshd starts it without a terminal: for a line, or to read them."""
    forget_ignored_signals()
    with group.inside():
        process = subprocess.Popen(
            argv(who, line),
            executable=who.shell,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment(who, folder, TERM="dumb"),
            start_new_session=True,
            umask=0o022,
        )
    group.add(process.pid)
    return PlainShell(process, group)


class PlainShell:
    """The protocol's Terminal over three pipes."""

    def __init__(self, process: "subprocess.Popen[bytes]", group: Group) -> None:
        assert process.stdin is not None
        assert process.stdout is not None and process.stderr is not None
        self._loop = asyncio.get_running_loop()
        self._group = group
        self._child = Child(process.pid, process.poll)
        # The pipes' numbers outlive Popen's file objects, which would close them unasked.
        ends = [os.dup(p.fileno()) for p in (process.stdin, process.stdout, process.stderr)]
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
        self._stdin = ends[0]
        os.set_blocking(self._stdin, False)
        self._output = Output(self._child, ends[1], ends[2])
        self._unsent = bytearray()
        self._full = self._no_more = False
        self._going = asyncio.Event()
        self._going.set()
        self.on_output: Callable[[bytes], None] = lambda _: None
        self.on_error: Callable[[bytes], None] = lambda _: None
        self.on_writable: Callable[[], None] = lambda: None
        self.on_quiet: Callable[[bool], None] = lambda _: None
        self.on_note: Callable[[str], None] = lambda _: None

    def write(self, data: bytes) -> bool:
        if self._stdin < 0:
            return True
        if len(self._unsent) + len(data) > KEEP_AT_MOST:
            raise Failed("more was given to a shell that said it is full")
        waiting = bool(self._unsent)
        self._unsent += data
        if not waiting:
            self._give()
        self._full = len(self._unsent) >= KEEP
        return not self._full

    def end_input(self) -> None:
        self._no_more = True
        if not self._unsent:
            self._close_input()

    def resize(self, columns: int, rows: int) -> None: ...

    def signal(self, name: str) -> None:
        self._child.signal_group(name)

    def pause(self) -> None:
        self._going.clear()

    def resume(self) -> None:
        self._going.set()

    def hang_up(self) -> None:
        self._close_input()
        if not self._child.exited.done():
            self._group.signal(signal.SIGHUP)

    async def wait(self) -> int:
        async with contextlib.aclosing(self._output.pieces()) as pieces:  # type: ignore[type-var]
            async for where, data in pieces:
                (self.on_output if where == "stdout" else self.on_error)(data)
                await self._going.wait()
        return await self._child.wait()

    def _give(self) -> None:
        """What the pipe takes now; the rest when it has room again."""
        try:
            while self._unsent:
                del self._unsent[: os.write(self._stdin, self._unsent)]
        except BlockingIOError:
            self._loop.add_writer(self._stdin, self._give)
            return
        except OSError:
            self._unsent.clear()  # EPIPE: the shell has closed it, nobody will read the rest
        self._loop.remove_writer(self._stdin)
        if self._full:
            self._full = False
            self.on_writable()
        if self._no_more and not self._unsent:
            self._close_input()

    def _close_input(self) -> None:
        if self._stdin >= 0:
            self._loop.remove_writer(self._stdin)
            os.close(self._stdin)
            self._stdin = -1
            self._unsent.clear()
