"""A device's shell, or a line in it, as a program sees one: data both ways, no key of ours.

A slow client pauses the device, a full device stops the reading of standard input; nothing piles
up here. What may be shown of the output is what a terminal may be shown of it; only the device's
own door has it as it is (`filtered=False`).
"""

import asyncio

from server.doors.client import Client, Stdin
from server.doors.device_output import DeviceOutput
from server.live.terminal_job import TerminalJob, Viewer


class PlainView:
    """One stay in it; it is the client's taker while it lasts."""

    def __init__(
        self, client: Client, stdin: Stdin | None, job: TerminalJob, *, filtered: bool = True
    ) -> None:
        self._client, self._stdin, self._job = client, stdin, job
        self._filters = (DeviceOutput(), DeviceOutput()) if filtered else None
        self._before = client.taker
        """Who gets what the client sends where it is not for the device: the lines that follow."""
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Until the shell ends."""
        client = self._client
        before, client.taker = self._before, self
        viewer = self._viewer = self._job.view(self._show, client.columns, client.rows)
        viewer.on_writable = self._room.set
        if not client.can_write:
            viewer.pause()
        giving = asyncio.create_task(self._give(viewer))
        try:
            await self._job.wait()
            await client.drain()
        finally:
            giving.cancel()
            await asyncio.wait({giving})
            client.taker = before
            viewer.leave()

    async def _give(self, viewer: Viewer) -> None:
        if self._stdin is not None:
            async for data in self._stdin:
                self._room.clear()
                if not viewer.write(data):
                    await self._room.wait()
        viewer.end_input()

    def _show(self, data: bytes) -> None:
        to_stderr = self._job.to_stderr
        if self._filters is not None:
            data = self._filters[to_stderr].passed(data)
        (self._client.write_error if to_stderr else self._client.write)(data)

    # client.Taker
    def data(self, data: bytes) -> None:
        (self._stdin or self._before).data(data)

    def eof(self) -> None:
        (self._stdin or self._before).eof()

    def resized(self) -> None:
        self._viewer.resize(self._client.columns, self._client.rows)

    def writable(self, can: bool) -> None:
        if can:
            self._viewer.resume()
        else:
            self._viewer.pause()

    def signal(self, name: str) -> None:
        self._viewer.signal(name)
