"""A shell without a terminal: lines in by a pipe, output and errors out by two, tied by callbacks.

1. Its end is the shell's own end, whoever else holds the pipes; then what stands in them is given.
2. Paused, nothing is read: what the shell says stays in its pipes, and so stops it.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from endpoint_shim.terminal.typed import Typed


class Output(Protocol):
    """Both reading ends, each platform's own."""

    def pieces(self) -> AsyncGenerator[tuple[str, bytes], None]: ...


class Child(Protocol):
    """The shell's process, each platform's own."""

    async def wait(self) -> int: ...


class PlainShell:
    """The protocol's Terminal over three pipes; `signal` and `hung_up` are the platform's."""

    def __init__(
        self,
        child: Child,
        typed: Typed,
        output: Output,
        signal: Callable[[str], None],
        hung_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._child, self._typed, self._output = child, typed, output
        self._signal, self._hung_up = signal, hung_up
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

    def resize(self, columns: int, rows: int) -> None: ...

    def signal(self, name: str) -> None:
        self._signal(name)

    def pause(self) -> None:
        self._going.clear()

    def resume(self) -> None:
        self._going.set()

    def hang_up(self) -> None:
        self._typed.abort()
        self._hung_up()

    async def wait(self) -> int:
        async with contextlib.aclosing(self._output.pieces()) as pieces:
            async for where, data in pieces:
                (self.on_output if where == "stdout" else self.on_error)(data)
                await self._going.wait()
        return await self._child.wait()
