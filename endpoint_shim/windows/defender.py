"""Microsoft Defender's own command line (MpCmdRun.exe): scans, in passive mode too.

Its words are no protocol: the verdict comes from its log as well (defender_words.py). The service
scans, not this program, so a scan is ended by its own order and not by killing anything.
"""

import asyncio
import contextlib
import ntpath
import os
import sys
import time
import winreg
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

from commands.language.errors import Failed, Refused
from endpoint_shim.facts import clock_ms
from endpoint_shim.windows import defender_words as words
from endpoint_shim.windows import events, tools

assert sys.platform == "win32"

KEY = r"SOFTWARE\Microsoft\Windows Defender"
PROGRAM = "MpCmdRun.exe"
KINDS = {"quick": "1", "full": "2"}
CUSTOM = "3"
THROTTLED = "-CpuThrottling"
"""Keep to ScanAvgCPULoadFactor, also where nobody scheduled the scan."""
BREAKAWAY = 0x01000000
CANCEL_S, LOG_S, EVERY_S = 1.5, 20.0, 5.0
"""A worker that is to end has 2 s; the order to Defender goes on without it."""
MOST_EVENTS, MOST_ANSWERS = 1000, 50
UNLIMITED = (
    "this Defender takes no CPU limit (ScanAvgCPULoadFactor) for such a scan: it may use all of it"
)
Answer = TypeVar("Answer")
MOST_SAID = 1 << 20


def program(key: str = KEY) -> Path:
    """Where Windows has the newest; raises Refused where there is none."""
    installed = _value(key, "InstallLocation")
    programs = os.environ.get("PROGRAMFILES", r"C:\Program Files")
    for folder in (installed, ntpath.join(programs, "Windows Defender")):
        if isinstance(folder, str) and folder and Path(folder, PROGRAM).is_file():
            return Path(folder, PROGRAM)
    raise Refused(f"this device has no Microsoft Defender ({PROGRAM} is not there)")


def signatures(key: str = KEY, now_ms: int | None = None) -> str:
    """Their version and age, in a sentence."""
    version = _value(rf"{key}\Signature Updates", "AVSignatureVersion")
    applied = _value(rf"{key}\Signature Updates", "AVSignatureApplied")
    moment = int.from_bytes(applied, "little") if isinstance(applied, bytes) else 0
    now = datetime.fromtimestamp((clock_ms() if now_ms is None else now_ms) / 1000, UTC)
    return words.signatures(str(version or ""), moment, now)


class Scan:
    """One scan; `found` has its verdict once `run` is over."""

    def __init__(
        self,
        mpcmdrun: Path,
        wevtutil: Path | None = None,
        adopt: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._program = mpcmdrun
        self._wevtutil = wevtutil or tools.system32() / "wevtutil.exe"
        self._adopt = adopt
        """Told the number of each process, so that it ends with its command."""
        self.found = words.Verdict(error="the scan did not begin")
        self.notes: list[str] = []
        """What a person should know beside it."""

    async def run(
        self, kind: Literal["quick", "full"], path: str | None = None
    ) -> AsyncIterator[float]:
        """Yields how many seconds it has scanned; a caller that stops early ends the scan."""
        after = await self._log(self._newest, -1)
        wanted = ["-Scan", "-ScanType", CUSTOM if path else KINDS[kind]]
        wanted += ["-File", path] if path else []
        status, said = 0, ""
        # Older ones take the limit for scans of a path alone.
        for more in ([THROTTLED], []):
            process = await self._started([*wanted, *more])
            reading = asyncio.create_task(_read(process))
            try:
                async for seconds in _ticks(process):
                    yield seconds
                said, status = await reading, await process.wait()
            finally:
                reading.cancel()
                if process.returncode is None:
                    await self._cancel(process)
            if words.hr(said) not in words.NOT_AN_OPTION:
                break
            self.notes = [*self.notes, UNLIMITED]
        none: list[events.Event] = []
        log = none if after < 0 else await self._log(lambda: self._since(after), none)
        self.found = words.verdict(status, said, log)

    async def _log(self, ask: Callable[[], Answer], otherwise: Answer) -> Answer:
        """What the log answers; one that was switched off or spoiled must not keep a scan off."""
        try:
            return await asyncio.to_thread(ask)
        except Failed as error:
            self.notes.append(f"Defender's log is not read, so its words alone count: {error}")
            return otherwise

    async def _started(self, arguments: list[str]) -> asyncio.subprocess.Process:
        try:
            process = await asyncio.create_subprocess_exec(
                str(self._program),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                creationflags=tools.NO_WINDOW,
            )
        except OSError as error:
            raise Failed(f"{self._program} was not started: {error.strerror or error}") from error
        self._adopt(process.pid)
        return process

    async def _cancel(self, process: asyncio.subprocess.Process) -> None:
        """Has the service end it; the program that waits for it ends then, or is ended."""
        try:
            await self._ordered("-Scan", "-Cancel")
            async with asyncio.timeout(CANCEL_S):
                await process.wait()
        except (TimeoutError, OSError):
            pass
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                process.kill()
            await process.wait()

    async def _ordered(self, *arguments: str) -> None:
        """Started to go on by itself: out of the worker's job where that lets it out."""
        for flags in (BREAKAWAY, 0):
            try:
                await asyncio.create_subprocess_exec(
                    str(self._program),
                    *arguments,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    creationflags=tools.NO_WINDOW | flags,
                )
                return
            except PermissionError:
                continue

    def _newest(self) -> int:
        said = tools.ran(self._wevtutil, events.last_words(words.LOG), LOG_S)
        return max((one.record for one in events.events(tools.text(said))), default=0)

    def _since(self, record: int) -> list[events.Event]:
        """All of them, in runs of so many as one answer takes."""
        found: list[events.Event] = []
        for _ in range(MOST_ANSWERS):
            asked = events.words(words.LOG, words.NUMBERS, record, MOST_EVENTS)
            some = list(events.events(tools.text(tools.ran(self._wevtutil, asked, LOG_S))))
            found += some
            if len(some) < MOST_EVENTS // 2:
                break
            record = max(one.record for one in some)
        return found


async def _ticks(process: asyncio.subprocess.Process) -> AsyncIterator[float]:
    began = time.monotonic()
    while process.returncode is None:
        try:
            async with asyncio.timeout(EVERY_S):
                await process.wait()
        except TimeoutError:
            yield time.monotonic() - began


async def _read(process: asyncio.subprocess.Process) -> str:
    """The end of what it says, to its end."""
    assert process.stdout is not None
    said = b""
    while piece := await process.stdout.read(65_536):
        said = (said + piece)[-MOST_SAID:]
    return tools.text(said)


def _value(key: str, name: str) -> object:
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as one:
            return winreg.QueryValueEx(one, name)[0]
    except OSError:
        return None
