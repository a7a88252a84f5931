"""cmd.exe without a terminal: lines in by a pipe, output and errors out by two, tied by callbacks.

1. cmd echoes nothing (`/q`) and greets nobody (`/k` with a command that does nothing).
2. Its end is the shell's own end, whoever else holds the pipes; then what stands in them is given.
3. Paused, nothing is read: what the shell says stays in its pipes, and so stops it.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable

from commands.language.errors import Failed
from commands.language.host.terminal import Terminal
from endpoint_shim.groups import Group
from endpoint_shim.terminal.windows_input import Lines, Typed
from endpoint_shim.windows import consoles
from endpoint_shim.windows.child import Child
from endpoint_shim.windows.login import system_folder, windows_folder
from endpoint_shim.windows.output import Output, output_pipe
from endpoint_shim.windows.quoting import for_shell
from endpoint_shim.windows.starting import NEW_GROUP, Order, started

assert sys.platform == "win32"

ENDING = ("ABRT", "HUP", "KILL", "QUIT", "TERM")
"""Signals that end a program which does not know them; here they end it."""


async def plain_shell(
    words: dict[str, str], folder: str, group: Group, line: bytes | None = None
) -> Terminal:
    """Raises Failed where it cannot be started."""
    consoles.at_rest()
    typed, out, err = Lines() if line is None else Typed(), output_pipe(), output_pipe()
    shell = str(system_folder() / "cmd.exe")
    command = for_shell(shell, line, "/q", "/k", "@rem")
    handles = (typed.reads, out[1].fileno(), err[1].fileno())
    child: Child | None = None
    try:
        for place in (folder, str(windows_folder().anchor)):
            with contextlib.suppress(NotADirectoryError, FileNotFoundError):
                order = Order(shell, command, place, words, handles, flags=NEW_GROUP)
                child = started(order, group.add)
                break
    except OSError as error:
        raise Failed(f"no shell could be started: {error.strerror}") from error
    finally:
        typed.started()
        for pipe in (out[1], err[1]):
            pipe.close()
        if child is None:
            typed.give_up()
            for pipe in (out[0], err[0]):
                pipe.close()
    if child is None:
        raise Failed("no shell could be started: not even the system's drive can be entered")
    output = Output(child)
    await typed.connect()
    await output.connect(out[0], err[0])
    return PlainShell(child, typed, output)


class PlainShell:
    """The protocol's Terminal over three pipes."""

    def __init__(self, child: Child, typed: Typed, output: Output) -> None:
        self._child, self._typed, self._output = child, typed, output
        self._going = asyncio.Event()
        self._going.set()
        self.on_output: Callable[[bytes], None] = lambda _: None
        self.on_error: Callable[[bytes], None] = lambda _: None
        self.on_quiet: Callable[[bool], None] = lambda _: None
        self.on_note: Callable[[str], None] = lambda _: None

    @property
    def on_writable(self) -> Callable[[], None]:
        return self._typed.on_writable

    @on_writable.setter
    def on_writable(self, callback: Callable[[], None]) -> None:
        self._typed.on_writable = callback

    def write(self, data: bytes) -> bool:
        return self._typed.write(data)

    def end_input(self) -> None:
        self._typed.end()

    def signal(self, name: str) -> None:
        """A break event where it was to be interrupted; Windows has no other signals."""
        if name in ENDING or (name == "INT" and not consoles.ask_to_end(self._child.pid)):
            self._child.kill()

    def resize(self, columns: int, rows: int) -> None: ...

    def pause(self) -> None:
        self._going.clear()

    def resume(self) -> None:
        self._going.set()

    def hang_up(self) -> None:
        """A shell without a terminal has nothing to be hung up: the owner ends the job."""
        self._typed.abort()

    async def wait(self) -> int:
        async with contextlib.aclosing(self._output.pieces()) as pieces:  # type: ignore[type-var]
            async for where, data in pieces:
                (self.on_output if where == "stdout" else self.on_error)(data)
                await self._going.wait()
        return await self._child.wait()
