"""A command's input on its way to the device, as fast as the device takes it.

Where it cannot be read to its end no Eof is sent: a device must not take a part for the whole.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from commands.language import wire
from commands.language.errors import Failed, FirelineError
from server.live.stream import Stream

log = logging.getLogger(__name__)


class Push:
    """Begun with its command; stopped at the command's end, wherever it is by then."""

    def __init__(
        self,
        stream: Stream,
        data: AsyncIterator[bytes],
        on_failed: Callable[[FirelineError], None],
    ) -> None:
        self._stream, self._data, self._on_failed = stream, data, on_failed
        self._sent = 0
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._task = asyncio.create_task(self._run())

    @property
    def taken(self) -> int:
        """Bytes that the device has acknowledged."""
        return max(0, self._sent - self._stream.unacknowledged)

    def writing(self, may: bool) -> None:
        """Whether the stream takes more now."""
        self._may_write.set() if may else self._may_write.clear()

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._send_all()
        except FirelineError as error:
            self._on_failed(error)
        except Exception:  # the runner's border: a defect ends this command, and is logged
            log.exception("the input of %s stopped", self._stream.id)
            self._on_failed(Failed("its input failed inside the broker; the broker's log says why"))

    async def _send_all(self) -> None:
        async for piece in self._data:
            await self._may_write.wait()
            if not self._stream.alive:
                return
            self._sent += len(piece)
            if not self._stream.send_bytes(piece):
                self._may_write.clear()
        if self._stream.alive:
            self._stream.send(wire.Eof())
