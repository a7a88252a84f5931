"""`run`: a library script or program on the device."""

import asyncio
import hashlib
import signal
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec

from commands.language.command import (
    ADVANCED,
    HIDDEN,
    LITERAL,
    NAMED,
    REST,
    SPLIT,
    Command,
    DeviceCommand,
    minutes,
)
from commands.language.desk import Desk
from commands.language.errors import Failed, NeedsAnswer, TimedOut
from commands.language.host import Host
from commands.language.host.programs import Program
from commands.language.items import Done, Into, Item, Note, Sent
from commands.language.names import Name, shown

MAX_ARGUMENTS = 120_000
"""Linux takes 128 KiB for one argument; more is refused before the start, never cut. Windows takes
less, and says so at the start."""

Ending = Literal["asked", "deaf", "unasked"]
"""Whether asking was enough, was not, or was not possible."""


class Run(
    DeviceCommand,
    role=ADVANCED,
    group="change",
    limit=minutes(30),
    changes=True,
    text=True,
):
    """Run a library script or program on the device.

    Every word after the script's name that is none of run's own goes to the script as typed.
    -arg gives one argument to the byte; -parameters a text that is split as a line is. Output
    arrives as it was written, stdout and stderr apart; standard input is at its end. What it
    starts and leaves running is listed, and ended unless -leave is given.
    """

    script: Annotated[str, "library script, NAME or NAME@VERSION"]
    args: Annotated[tuple[str, ...], "arguments of the script", REST] = ()
    arg: Annotated[tuple[str, ...], "one argument to the byte", LITERAL] = ()
    parameters: Annotated[str | None, "arguments as one text, split at spaces", SPLIT] = None
    timeout: Annotated[float | None, "seconds until it is ended", NAMED] = None
    grace: Annotated[float, "seconds between asking it to end and ending it", NAMED] = 10.0
    leave: Annotated[bool, "let what it started go on after it"] = False
    sha256: Annotated[str, HIDDEN] = ""
    version: Annotated[int, HIDDEN] = 0
    success: Annotated[tuple[int, ...], HIDDEN] = (0,)
    pinned: Annotated[bool, HIDDEN] = False

    async def prepare(self, desk: Desk) -> Command:
        at = f"@{self.version}" if self.version else ""  # for several devices, or approved
        script = await desk.library.resolve(f"{self.script}{at}")
        if self.sha256 not in ("", script.sha256):
            raise Failed(f"{self.script}{at} is not the script that was meant: other bytes")
        return msgspec.structs.replace(
            self,
            script=script.name,
            version=script.version,
            sha256=script.sha256,
            success=script.success_codes,
            pinned=self.pinned or "@" in self.script,
        )

    async def question(self, desk: Desk) -> NeedsAnswer | None:
        script = await desk.library.resolve(f"{self.script}@{self.version}")
        if self.pinned or not script.changed_since_last_run:
            return None
        return NeedsAnswer(
            f"{script.name} changed since you last ran it: now v{script.version} by "
            f"{script.added_by}",
            f"run {script.name}@{script.version} … or -yes runs this one",
        )

    def as_typed(self) -> Command:
        return msgspec.structs.replace(self, script=f"{self.script}@{self.version}")

    def input_sha256(self) -> str | None:
        return self.sha256 or None

    def differs(self, item: Sent, folder: Name) -> str:
        if isinstance(item, Done) and item.code == "done" and item.exit_code not in self.success:
            code = "no exit code" if item.exit_code is None else f"exit code {item.exit_code}"
            return f"done, with {code}"
        return ""

    async def run(self, host: Host) -> AsyncIterator[Item]:
        size = sum(len(a.encode("utf-8", "surrogatepass")) + 1 for a in self.args)
        if size > MAX_ARGUMENTS:
            raise Failed(
                f"the arguments are {size:,} bytes, at most {MAX_ARGUMENTS:,} can be given"
            )
        place = await self._place(host)
        before = await host.session.listing()
        program = await host.programs.start(place, self.args, may_outlive=self.leave)
        try:
            for note in program.notes:
                yield Note(note)
            async with asyncio.timeout(self.timeout):
                async for item in _output(program):
                    yield item
                status = await program.wait()
        except TimeoutError:
            raise TimedOut(self._ending(await _end(program, self.grace))) from None
        except BaseException:
            await _end(program, self.grace)
            raise
        for note in [*await _files_made(host, before, self.script), *await self._ended(program)]:
            yield Note(note)
        yield self._verdict(status)

    async def _place(self, host: Host) -> Name:
        """The script's bytes as a file of the session folder, checked by digest."""
        place = await host.session.place(Name(self.script))
        writer = await host.files.create(place)
        try:
            digest = hashlib.sha256()
            async for piece in host.input():
                digest.update(piece)
                await writer.write(piece)
            if digest.hexdigest() != self.sha256:
                raise Failed(f"{self.script} arrived with another digest; it was not run")
            return await writer.finish(overwrite=True)
        except BaseException:
            await writer.abandon()
            raise

    async def _ended(self, program: Program) -> list[str]:
        left = await program.left()
        if not left:
            return []
        listed = ", ".join(left[:20]) + (f" and {len(left) - 20} more" if len(left) > 20 else "")
        if self.leave:
            await program.leave()
            return [f"left running, as asked: {listed}"]
        await program.kill()
        return [f"it had left running and these were ended: {listed}"]

    def _ending(self, how: "Ending") -> str:
        """How a time-out ended it."""
        after = f"after {self.timeout:g} s"
        if how == "deaf":
            return (
                f"{self.script} did not end when asked {after}; it was killed {self.grace:g} s "
                "later, with all it had started"
            )
        word = "ended" if how == "asked" else "killed, for it cannot be asked,"
        return f"{self.script} was {word} {after}, with all it had started"

    def _verdict(self, status: int) -> Done:
        if status in self.success:
            return Done(exit_code=status)
        how = f"exit code {_code(status)}" if status >= 0 else f"signal {_signal(-status)}"
        return Done("failed", f"{self.script} v{self.version} ended with {how}", exit_code=status)


async def _output(program: Program) -> AsyncIterator[Item]:
    into = None
    async for where, data in program.output():
        now = (where, program.page(where))
        if now != into:
            into = now
            yield Into(where, page=now[1])
        yield data


async def _files_made(host: Host, before: dict[str, tuple[int, int]], script: str) -> list[str]:
    after = await host.session.listing()
    made = [
        f"{shown(Name(n))} {after[n][0]:,} bytes"
        for n in sorted(after)
        if after[n] != before.get(n) and n != script
    ]
    return [f"files it wrote in {shown(host.session.path)}: {', '.join(made[:20])}"] if made else []


async def _end(program: Program, grace: float) -> Ending:
    """Asks, waits, then ends the whole group; shielded, so that a cancel cannot stop the ending."""
    return await asyncio.shield(_ask_then_kill(program, grace))


async def _ask_then_kill(program: Program, grace: float) -> Ending:
    how: Ending = "unasked"
    if await program.interrupt():
        how = "asked"
        try:
            async with asyncio.timeout(grace):
                await program.wait()
        except TimeoutError:
            how = "deaf"
    await program.kill()
    return how


def _code(status: int) -> str:
    """From 2^31 on it is a number of Windows' own (NTSTATUS), which is known by its hex digits."""
    return f"{status} ({status:#010x})" if status >= 1 << 31 else str(status)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
