"""A file of the broker's own that is open for reading by SFTP: evidence, library, a recording."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import asyncssh

from server.doors import sftp_answers as answers
from server.doors.sftp_read_only import ReadOnly
from server.live.file_record import SentBytes
from server.live.read_ahead import ReadAhead

PIECE = 262_144
JUDGED_S = 1.0


class OpenStored(ReadOnly):
    """Its descriptor is closed by `close`; who may see it is asked again once a second."""

    def __init__(
        self, descriptor: int, sent: SentBytes, may_still: Callable[[], Awaitable[bool]]
    ) -> None:
        self._descriptor, self._sent, self._may_still = descriptor, sent, may_still
        self._judged = asyncio.get_running_loop().time()
        self._facts = os.fstat(descriptor)
        self._ahead = ReadAhead(self._pread, self._facts.st_size)

    async def attrs(self) -> asyncssh.SFTPAttrs:
        return answers.of_stored(self._facts)

    async def read(self, offset: int, length: int) -> bytes:
        now = asyncio.get_running_loop().time()
        if now - self._judged >= JUDGED_S:
            if not await self._may_still():
                raise answers.no_such_file()
            self._judged = now
        data = await self._ahead.read(offset, max(1, min(length, PIECE)))
        if data:
            await self._sent.add(offset, data)
        return data

    async def close(self) -> None:
        await self._ahead.rest()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            await self._sent.end()

    async def _pread(self, offset: int, length: int) -> bytes:
        return await asyncio.to_thread(os.pread, self._descriptor, length, offset)
