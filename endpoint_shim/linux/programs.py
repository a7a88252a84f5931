"""Starts scripts and programs of the session's folder, in the command's own group."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from signal import SIGINT

from commands.language.errors import Failed, Refused
from commands.language.host.programs import Program
from commands.language.names import Name, from_bytes, shown, to_bytes
from endpoint_shim.groups import Group
from endpoint_shim.linux import proc
from endpoint_shim.linux.child import Child, forget_ignored_signals
from endpoint_shim.linux.interpreter import argv_of
from endpoint_shim.linux.login import environment, login
from endpoint_shim.linux.output import Output, Where, taken
from endpoint_shim.linux.paths import in_words


class LinuxPrograms:
    """Everything starts in `folder`, the session's own, and belongs to `group`."""

    def __init__(self, folder: Name, group: Group) -> None:
        self._folder = to_bytes(folder)
        self._group = group

    async def start(
        self, script: Name, arguments: Sequence[str], *, may_outlive: bool = False
    ) -> Program:
        path = os.path.join(self._folder, to_bytes(script))
        argv = [*await asyncio.to_thread(argv_of, path), *_encoded(arguments)]
        return await self._start(argv, path)

    async def start_tool(self, program: str, arguments: Sequence[str]) -> Program:
        """Starts a program of the system's, named whole, whose words are English and whose
        numbers have a point."""
        argv = [os.fsencode(program), *_encoded(arguments)]
        return await self._start(argv, argv[0], LC_ALL="C.UTF-8")

    async def _start(self, argv: list[bytes], path: bytes, **more: str) -> Program:
        who, folder = await asyncio.to_thread(login), os.fsdecode(self._folder)
        words = environment(who, self._folder, TERM="dumb", TMPDIR=folder, **more)
        forget_ignored_signals()
        try:
            return self._started(argv, words)
        except OSError as error:
            raise in_words(error, path) from error

    def _started(self, argv: list[bytes], words: dict[bytes, bytes]) -> "LinuxProgram":
        with self._group.inside():
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self._folder,
                env=words,
                start_new_session=True,
                umask=0o022,
            )
        self._group.add(process.pid)
        return LinuxProgram(process, self._group)


class LinuxProgram:
    """The protocol's Program."""

    def __init__(self, process: "subprocess.Popen[bytes]", group: Group) -> None:
        self._child = Child(process.pid, process.poll)
        self._group = group
        self._output = Output(self._child, *taken(process.stdout, process.stderr))

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def notes(self) -> Sequence[str]:
        return ()

    def page(self, where: Where) -> str:
        return "utf-8"

    def output(self) -> AsyncIterator[tuple[Where, bytes]]:
        return self._output.pieces()

    async def wait(self) -> int:
        return await self._child.wait()

    async def interrupt(self) -> bool:
        self._group.signal(SIGINT)
        return True

    async def kill(self) -> None:
        self._group.kill()
        self._child.kill()

    async def left(self) -> list[str]:
        boot = proc.boot()
        return [
            f"{pid} {name}"
            for pid in self._group.members()
            if pid != self.pid and (name := _name(pid, boot))
        ]

    async def leave(self) -> None:
        self._group.leave()


def _name(pid: int, boot: proc.Boot) -> str:
    """The name and start of a process that still runs; nothing for one that has ended."""
    try:
        facts = proc.stat(pid)
    except (OSError, IndexError, ValueError):
        return ""
    if facts.state in "ZX":
        return ""
    started = datetime.fromtimestamp(boot.at_ms / 1000 + facts.started / proc.TICKS, UTC)
    return f"{shown(from_bytes(facts.comm))} (started {started:%Y-%m-%d %H:%M:%SZ})"


def _encoded(arguments: Sequence[str]) -> list[bytes]:
    encoded = [os.fsencode(one) for one in arguments]
    for number, one in enumerate(encoded, 1):
        if b"\0" in one:
            raise Refused(f"argument {number} holds a NUL, which no argument can on Linux")
        if len(one) >= 128 * 1024:
            raise Failed(f"argument {number} is {len(one):,} bytes; Linux takes at most 131,071")
    return encoded
