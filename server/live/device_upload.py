"""A device's file that an SFTP client writes, from its opening to its end.

1. Its record is durable before the device hears of it; its end says ranges, bytes and sha256.
2. Writes go one after another and are answered as the device answers them: a client that sends
   many at once waits for none of them.
3. It is there when it is closed, and the device has what was sent: both digests say the same.
"""

import asyncio
from collections.abc import Callable

from commands.language import wire
from commands.language.errors import Failed, FirelineError, Unreachable
from commands.language.names import Name, shown
from server.live.change_record import ChangeRecord
from server.live.file_record import SentBytes, Tally
from server.live.files_user import PIECE, FilesUser

JUDGED_S = 1.0


class DeviceUpload:
    """Ended once, by `close` or `drop`."""

    def __init__(
        self,
        user: FilesUser,
        path: Name,
        handle: int,
        changes: ChangeRecord,
        number: int,
        judge: Callable[[str], object],
        reads: Callable[[], SentBytes],
    ) -> None:
        self._user, self._path, self._handle = user, path, handle
        self._changes, self._number, self._judge = changes, number, judge
        self._reads = reads
        self._sent: SentBytes | None = None
        self._tally = Tally()
        self._turn = asyncio.Lock()
        self._over = False
        self._error: FirelineError | None = None
        self._judged = asyncio.get_running_loop().time()

    async def write(self, offset: int, data: bytes) -> None:
        """Raises what the device says to these bytes."""
        if not data:
            return
        async with self._turn:
            self._judge_again()
            await self._tally.add(offset, data)
            request = await self._user.write(self._handle, offset, data)
        try:
            await self._user.answered(request)
        except FirelineError as error:
            self._error = self._error or error
            raise

    async def read(self, offset: int, length: int) -> bytes:
        """Of a file open for both; reading is getfile's right, here too."""
        self._judge("getfile")
        if self._sent is None:
            self._sent = self._reads()
        data = await self._user.read(self._handle, offset, max(1, min(length, PIECE)))
        if data:
            await self._sent.add(offset, data)
        return data

    async def set(self, size: int | None, mode: int | None, times: tuple[int, int] | None) -> None:
        self._judge("putfile")
        atime, mtime = times or (None, None)
        await self._user.one(
            lambda n: wire.SetFacts(
                id=n, handle=self._handle, size=size, mode=mode, atime=atime, mtime=mtime
            )
        )

    async def sync(self) -> None:
        await self._user.one(lambda n: wire.Sync(id=n, handle=self._handle))

    async def close(self) -> None:
        """The device puts it in its place; raises where that, or a write before, did not work."""
        if self._over:
            return
        try:
            if isinstance(self._error, Unreachable):
                raise self._error
            if self._error is not None:
                raise Failed(f"{shown(self._path)} is not whole: {self._error}")
            self._judge("putfile")
            self._over = True
            answer = await self._user.one(lambda n: wire.CloseFile(id=n, handle=self._handle))
            await self._tally.rest()
            if answer.sha256 != self._tally.sha256:
                raise Failed(f"{shown(self._path)} has another digest there than what was sent")
        except FirelineError as error:
            self._free()
            await self._end(error)
            raise
        await self._end(None)

    async def drop(self) -> None:
        """Its client went without closing it: what was new is not there."""
        if not self._over:
            self._free()
            await self._end(Unreachable("the client went before it closed the file"))

    def _free(self) -> None:
        self._over = True
        self._user.close_soon(self._handle)

    async def _end(self, error: FirelineError | None) -> None:
        if self._sent is not None:
            await self._sent.end()
        await self._changes.ended(self._number, error, self._tally)

    def _judge_again(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._judged >= JUDGED_S:
            self._judge("putfile")
            self._judged = now
