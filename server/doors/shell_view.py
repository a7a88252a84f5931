"""A person's screen on a device's terminal: bytes straight through, by callback, both ways.

1. What was typed before the switch reaches the terminal first.
2. The leave key leaves at once. What is typed after it belongs to the console; what the person's
   terminal still answers to the device's questions belongs to nobody.
3. A slow screen pauses the device, a full device pauses the client. Nothing piles up here.
"""

import asyncio
from typing import Literal

from server.doors.client import Client
from server.doors.device_output import DeviceOutput
from server.doors.leave_keys import ASK, CTRL_BRACKET, Answers, LeaveKeys
from server.live.terminal_job import TerminalJob

ANSWER_WAIT = 0.15
WHOLE = b"\x1b7\x1b[r\x1b[4l\x1b8"
"""No scroll region and no insert mode, the cursor where it was."""

Left = Literal["ended", "left"]


class ShellView:
    """One stay in a terminal; it is the client's taker while it lasts."""

    def __init__(
        self,
        client: Client,
        job: TerminalJob,
        *,
        filtered: bool = True,
        leave_key: bytes = CTRL_BRACKET,
    ) -> None:
        self._client, self._job = client, job
        self._keys = LeaveKeys(leave_key)
        self._output = DeviceOutput() if filtered else None
        self._over: asyncio.Future[Left] = asyncio.get_running_loop().create_future()
        self._answers: Answers | None = None
        self._answered = asyncio.Event()
        self._stuck = False
        self._behind: list[bytes] = []
        self._key = b""
        self._line_open = False
        self.left_at = 0.0
        self.typed_after = b""
        """What the console shall see first."""

    async def run(self, typed_ahead: bytes, sent_on: bytes = b"") -> Left:
        """Until the terminal ends or the person leaves; `sent_on` is a leave key meant for it."""
        client, job = self._client, self._job
        before, client.taker = client.taker, self
        self._viewer = job.view(self._show, client.columns, client.rows)
        self._viewer.on_writable = self._device_writable
        ending = asyncio.create_task(job.wait())
        ending.add_done_callback(lambda task: None if task.cancelled() else self._leave("ended"))
        try:
            if not client.can_write:
                self._viewer.pause()
            if sent_on:
                self._viewer.write(sent_on)
            if typed_ahead:
                self.data(typed_ahead)
            left = await self._over
            self._rest(self._viewer.leave())
            await self._settled()
            return left
        finally:
            ending.cancel()
            client.taker = before
            if not self._over.done():
                self._viewer.leave()
            if self._stuck:
                client.resume()

    # The client (client.Taker).
    def data(self, data: bytes) -> None:
        if self._answers is not None:
            self.typed_after += self._answers.keep(data)
            if self._answers.done:
                self._answered.set()
            return
        through, key, after = self._keys.split(data)
        if self._stuck:
            self._behind.append(through)
        elif through and not self._viewer.write(through):
            self._stuck = True
            self._client.pause()
        if key:
            self._key = key
            self._answers = Answers()
            self.typed_after = self._answers.keep(after)
            self._leave("left")

    def eof(self) -> None:
        """The client sends nothing more; what it is shown goes on until its channel closes."""

    def resized(self) -> None:
        self._viewer.resize(self._client.columns, self._client.rows)

    def writable(self, can: bool) -> None:
        if can:
            self._viewer.resume()
        else:
            self._viewer.pause()

    def signal(self, name: str) -> None: ...

    def leave(self) -> None:
        """The session is taken away from this screen."""
        self._leave("left")

    # The device.
    def _show(self, data: bytes) -> None:
        self._line_open = not data.endswith(b"\n")
        self._client.write(data if self._output is None else self._output.passed(data))

    def _device_writable(self) -> None:
        while self._behind:
            if not self._viewer.write(self._behind.pop(0)):
                return
        if self._stuck:
            self._stuck = False
            self._client.resume()

    # Leaving.
    def _leave(self, how: Left) -> None:
        if self._answers is None:
            self._answers = Answers()
        if not self._over.done():
            self.left_at = asyncio.get_running_loop().time()
            self._over.set_result(how)

    def _rest(self, modes: bytes) -> None:
        """The screen at rest, on a line of its own, then the question that ends late answers."""
        undo = self._output.undo() if self._output is not None else b""
        shown = b"^" + bytes([self._key[0] + 0x40]) if len(self._key) == 1 else b""
        end = b"\r\n" if self._line_open or shown else b""
        self._client.write(b"\x18" + modes + undo + WHOLE + shown + end + ASK)

    async def _settled(self) -> None:
        """Until the terminal has answered, for those that do."""
        answers = self._answers
        assert answers is not None
        if answers.done or self._client.gone.is_set():
            return
        try:
            async with asyncio.timeout(ANSWER_WAIT):
                await self._answered.wait()
        except TimeoutError:
            self.typed_after += answers.end()
