"""What a console asks its terminal as it begins, answered here only where nobody else does.

A ConPTY may show nothing until it knows where the cursor is (`ESC[6n`) or what the terminal is
(`ESC[c`). The person's own terminal answers; where none does, the console would wait for ever.
"""

import asyncio
import re
from collections.abc import Callable

BEGINNING_S = 3.0
WAIT_S = 1.0
_ASKED = re.compile(rb"\x1b\[(6n|0?c)")
_ANSWER = {b"6n": b"\x1b[1;1R", b"c": b"\x1b[?1;0c", b"0c": b"\x1b[?1;0c"}
_ANSWERED = re.compile(rb"\x1b\[\??[0-9;]*[Rc]")


class Questions:
    """Of one terminal; later on a program's question is the person's terminal's alone."""

    def __init__(self, write: Callable[[bytes], bool]) -> None:
        self._loop = asyncio.get_running_loop()
        self._write = write
        self._until = self._loop.time() + BEGINNING_S
        self._open: dict[bytes, asyncio.TimerHandle] = {}

    def shown(self, data: bytes) -> None:
        """Looks for a question in what the console says."""
        if b"\x1b[" not in data or self._loop.time() > self._until:
            return
        for asked in _ASKED.findall(data):
            if asked not in self._open:
                self._open[asked] = self._loop.call_later(WAIT_S, self._answer, asked)

    def typed(self, data: bytes) -> None:
        """Looks for a terminal's answer in what is typed."""
        if self._open and _ANSWERED.search(data):
            self.close()

    def close(self) -> None:
        """Nothing is waited for any more."""
        for timer in self._open.values():
            timer.cancel()
        self._open.clear()

    def _answer(self, asked: bytes) -> None:
        del self._open[asked]
        self._write(_ANSWER[asked])
