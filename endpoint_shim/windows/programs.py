"""Starts scripts and programs of the session's folder, in the command's own job."""

import asyncio
import contextlib
import ntpath
import sys
from asyncio.windows_utils import PipeHandle
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from commands.language.errors import FirelineError, Refused
from commands.language.host.programs import Program
from commands.language.names import Name, from_text, shown, to_units
from endpoint_shim.groups import Group
from endpoint_shim.windows import consoles, quoting
from endpoint_shim.windows.child import Child
from endpoint_shim.windows.code_pages import of_first_bytes
from endpoint_shim.windows.interpreter import Way, way_of
from endpoint_shim.windows.login import environment
from endpoint_shim.windows.output import Output, Where, at_its_end, output_pipe
from endpoint_shim.windows.paths import text
from endpoint_shim.windows.processes import snapshot
from endpoint_shim.windows.snapshot import Process
from endpoint_shim.windows.starting import BREAKAWAY, NEW_GROUP, NO_WINDOW, Order, started
from endpoint_shim.windows.times import time_of
from endpoint_shim.windows.why_not import why_not

assert sys.platform == "win32"

ACCESS_DENIED = 5
LOOKS, LOOK_S = 5, 0.02
"""What the main process started may take a moment to go after it."""


class WindowsPrograms:
    """Everything starts in `folder`, the session's own, and belongs to `group`."""

    def __init__(self, folder: Name, group: Group) -> None:
        self._folder = to_units(folder)
        self._group = group

    async def start(
        self, script: Name, arguments: Sequence[str], *, may_outlive: bool = False
    ) -> Program:
        path = ntpath.join(self._folder, to_units(script))
        way = await asyncio.to_thread(way_of, path, arguments)
        return await self._start(way, path, may_outlive=may_outlive)

    async def _start(self, way: Way, path: str, *, may_outlive: bool) -> Program:
        words = await asyncio.to_thread(environment, TEMP=self._folder, TMP=self._folder)
        ours, theirs = zip(*(output_pipe() for _ in range(2)), strict=True)
        try:
            child = self._started(way, words, theirs, may_outlive)
        except OSError as error:
            for pipe in ours:
                pipe.close()
            raise _in_words(error, path, may_outlive) from error
        finally:
            for pipe in theirs:
                pipe.close()
        output = Output(child)
        await output.connect(*ours)
        return WindowsProgram(child, self._group, output, way.notes, asked=not may_outlive)

    async def start_tool(self, program: str, arguments: Sequence[str]) -> Program:
        """Starts a program of the system's, named whole."""
        way = Way(program, quoting.for_program([program, *arguments]))
        return await self._start(way, program, may_outlive=False)

    def _started(
        self, way: Way, words: dict[str, str], pipes: Sequence[PipeHandle], may_outlive: bool
    ) -> Child:
        """What may outlive the worker shares neither its job nor its console: both end with it."""
        consoles.at_rest()
        with at_its_end() as stdin:
            return started(
                Order(
                    program=way.program,
                    line=way.line,
                    folder=self._folder,
                    environment=words,
                    handles=(stdin, pipes[0].fileno(), pipes[1].fileno()),
                    flags=NEW_GROUP | (BREAKAWAY | NO_WINDOW if may_outlive else 0),
                ),
                self._group.add,
            )


class WindowsProgram:
    """The protocol's Program."""

    def __init__(
        self, child: Child, group: Group, output: Output, notes: Sequence[str], *, asked: bool
    ) -> None:
        self._child, self._group, self._output = child, group, output
        self._may_ask = asked
        self._wide: dict[Where, str] = {}
        self.notes = notes

    @property
    def pid(self) -> int:
        return self._child.pid

    async def output(self) -> AsyncIterator[tuple[Where, bytes]]:
        async with contextlib.aclosing(self._output.pieces()) as pieces:
            async for where, data in pieces:
                if where not in self._wide:
                    self._wide[where] = of_first_bytes(data, "")
                yield where, data

    def page(self, where: Where) -> str:
        """UTF-16 stays; any other page is the console's own as the piece is read."""
        return self._wide.get(where) or consoles.page()

    async def wait(self) -> int:
        return await self._child.wait()

    async def interrupt(self) -> bool:
        return self._may_ask and consoles.ask_to_end(self._child.pid)

    async def kill(self) -> None:
        self._group.kill()
        self._child.kill()

    async def left(self) -> list[str]:
        for _ in range(LOOKS):
            if not self._members():
                return []
            await asyncio.sleep(LOOK_S)
        known = {one.pid: one for one in snapshot()}
        return [_named(known[pid]) for pid in self._members() if pid in known]

    async def leave(self) -> None:
        self._group.leave()

    def _members(self) -> list[int]:
        return [pid for pid in self._group.members() if pid != self.pid]


def _named(process: Process) -> str:
    """The name and start of a process that still runs."""
    began = datetime.fromtimestamp((time_of(process.created) or 0) / 1000, UTC)
    return f"{process.pid} {shown(from_text(process.name))} (started {began:%Y-%m-%d %H:%M:%SZ})"


def _in_words(error: OSError, path: str, may_outlive: bool) -> FirelineError:
    number = getattr(error, "winerror", None) or 0
    if may_outlive and number == ACCESS_DENIED:
        return Refused(
            f"-leave: {text(path)} was not started; the system lets nothing of this shim out of "
            "its job, so nothing could go on after it"
        )
    return why_not(number, path)
