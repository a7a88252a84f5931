"""The person's screen while no prompt is on it: lines, and one line that is redrawn.

With `plain on` nothing is: such a line is written once, until it is taken away.
"""

from collections.abc import Callable

from server.doors.client import Client
from server.live.render import Shown

ERASE = b"\r\x1b[K"


class ConsoleFace:
    """Writes through `write`, which records."""

    def __init__(
        self, client: Client, write: Callable[[bytes], None], plain: Callable[[], bool]
    ) -> None:
        self._client, self._write, self._plain = client, write, plain
        self._drawn = ""

    def show(self, shown: Shown) -> None:
        self.redraw("")
        for part in (shown.out, shown.err):
            if part:
                self._write(part.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    def redraw(self, line: str) -> None:
        if self._client.smart and self._plain():
            if line and not self._drawn:
                self._write(f"{line}\r\n".encode("utf-8", "backslashreplace"))
            self._drawn = line
            return
        if line == self._drawn or not self._client.smart:
            return
        self._drawn = line
        self._write(ERASE + line.encode("utf-8", "backslashreplace"))

    async def drain(self) -> None:
        await self._client.drain()
