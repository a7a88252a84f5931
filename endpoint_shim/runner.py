"""Runs one command from its Start to its one Done; the border where every error becomes a word.

1. The device's policy is looked at anew; platform and time limit come from the declaration. All
   are checked here, never in `run`.
2. While the stream has no room the command's generator is not asked for more.
3. Exactly one Done is said, whatever happens.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import msgspec

from commands.language import items, wire
from commands.language.command import Command, DeviceCommand, TerminalCommand, decode
from commands.language.errors import Failed, FirelineError, NotUnderstood, Refused, TimedOut
from commands.language.items import Done, Item
from commands.language.names import Name
from endpoint_shim.groups import Group
from endpoint_shim.host import DeviceHost, Place
from endpoint_shim.inputs import Input
from endpoint_shim.screen import Screen
from endpoint_shim.stream import Stream

BREATHE = 256
"""Items after which the loop gets a turn even if the command never waits."""
LONGEST_MESSAGE = 4096
PLATFORM = "windows" if sys.platform == "win32" else "linux"

log = logging.getLogger("fireline.worker")


class Runner:
    """One command."""

    def __init__(
        self,
        start: wire.Start,
        look: Callable[[], Awaitable[Place]],
        group: Group,
        stream: Stream,
    ) -> None:
        self.number = start.number
        self.input = Input(stream.took)
        self.cancelled = False
        self.timed_out = False
        self._start = start
        self._look = look
        self._group = group
        self._stream = stream
        self._screen: Screen | None = None

    def cancel(self, task: "asyncio.Task[Done]") -> None:
        """Somebody asked for the end."""
        self.cancelled = True
        task.cancel()

    def resize(self, columns: int, rows: int) -> None:
        if self._screen is not None:
            self._screen.resize(columns, rows)

    def signal(self, name: str) -> None:
        if self._screen is not None:
            self._screen.signal(name)

    def typed(self) -> None:
        """Input has come."""
        if self._screen is not None:
            self._screen.typed()

    async def run(self) -> Done:
        """The command's end; never raises but for a cancel that nobody asked for."""
        try:
            done = await self._run()
        except asyncio.CancelledError:
            if not self.cancelled:
                raise
            done = Done("cancelled", "stopped while running")
        except FirelineError as error:
            done = Done(error.code, _sentence(str(error)))
        except Exception as error:  # the border: nothing a command raises may end the worker
            word = self._start.command.get("word")
            log.exception("%s #%d failed", word, self.number)
            done = Done("failed", _sentence(f"{word} failed: {_reason(error)}"))
        finally:
            self.input.drop()
        return done

    async def _run(self) -> Done:
        place = await self._look()
        command = self._understood(place)
        host = DeviceHost(
            place,
            Name(self._start.folder),
            self._group,
            self.input,
            self._start.have,
            self._start.have_sha256,
            self._start.clock_ms,
        )
        limit = asyncio.timeout(self._start.limit_s)
        try:
            async with limit:
                if isinstance(command, TerminalCommand):
                    return await self._show(command, host)
                if isinstance(command, DeviceCommand):
                    return await self._pump(command, host)
        except TimeoutError:
            if not limit.expired():
                raise
            self.timed_out = True
            said = f"{type(command).spec.word} was ended after its limit"
            raise TimedOut(f"{said} of {self._start.limit_s:g} s") from None
        raise NotUnderstood(f"{type(command).spec.word} does not run on a device")

    def _understood(self, place: Place) -> Command:
        try:
            command = decode(msgspec.json.encode(self._start.command))
        except (msgspec.DecodeError, RecursionError) as error:
            raise NotUnderstood(f"this shim does not know the command as sent: {error}") from None
        spec = type(command).spec
        if PLATFORM not in spec.platforms:
            raise Refused(f"{spec.word} is not for {PLATFORM}")
        for word in spec.words:
            place.policy.check_word(word)
        return command

    async def _pump(self, command: DeviceCommand, host: DeviceHost) -> Done:
        count = 0
        if not self._start.input:
            self.input.end()
        async with aclosing(command.run(host)) as source:  # type: ignore[type-var]
            async for item in source:
                if isinstance(item, Done):
                    return item
                self._send(item)
                count += 1
                if not self._stream.room:
                    await self._stream.wait_room()
                elif count % BREATHE == 0:
                    await asyncio.sleep(0)
        return Done()

    def _send(self, item: Item) -> None:
        if isinstance(item, bytes):
            self._stream.send_bytes(item)
            return
        frame = items.encode(item)
        if len(frame) > wire.MAX_ITEM:
            raise Failed(f"an item of {len(frame):,} bytes is more than a stream carries")
        self._stream.send_text(frame)

    async def _show(self, command: TerminalCommand, host: DeviceHost) -> Done:
        terminal = await command.open(host, self._start.columns, self._start.rows)
        self._screen = Screen(terminal, self.input, self._stream)
        try:
            status = await terminal.wait()
        finally:
            self._screen.close()
            self._screen = None
            terminal.hang_up()
        return Done(exit_code=status)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = error.filename
        name = os.fsdecode(name) if isinstance(name, bytes) else name
        about = f" ({name})" if name else ""
        return f"{error.strerror}{about}"
    return f"{type(error).__name__}: {error}"


def _sentence(text: str) -> str:
    """A message that msgspec takes: bounded, and no lone surrogates."""
    return text[:LONGEST_MESSAGE].encode("utf-8", "backslashreplace").decode()
