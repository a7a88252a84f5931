"""cmd.exe without a terminal: it echoes nothing (`/q`) and greets nobody (`/k` with a command that
does nothing)."""

import contextlib
import sys
from functools import partial

from commands.language.errors import Failed
from commands.language.host.terminal import Terminal
from endpoint_shim.groups import Group
from endpoint_shim.terminal.plain import PlainShell
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
    # Nothing is to be hung up here: the owner ends the job.
    return PlainShell(child, typed, output, partial(_signal, child))


def _signal(child: Child, name: str) -> None:
    """A break event where it was to be interrupted; Windows has no other signals."""
    if name in ENDING or (name == "INT" and not consoles.ask_to_end(child.pid)):
        child.kill()
