"""A command's result file: rows, stdout and stderr as received, in the chunk form of recordings.

Its digest is plain sha256 of the file, so that stock tools check it. `read` works while it grows.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple, Self

from server.audit.chunks import Chunk, Kind, Reader, genesis, name_of, pack
from server.audit.errors import RecordingBroken, RecordingFull
from server.audit.folder_sync import NewName
from server.audit.folders import create, sync_folder

__all__ = ["Budget", "Chunk", "Kind", "ResultDigest", "ResultFile", "read"]

# design.md section 1: whoever writes much fdatasyncs every 8 MiB, or a commit waits for it all.
SYNC_EVERY: Final = 8 << 20
PIECE: Final = 1 << 20


class ResultDigest(NamedTuple):
    """What the end record holds of the file."""

    sha256: str
    bytes: int


class Budget:
    """What one session may write into its results."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def take(self, size: int) -> None:
        """Count `size` more, or refuse."""
        if self.used + size > self.limit:
            raise RecordingFull(
                f"the session's results reached their budget of {self.limit:,} bytes"
            )
        self.used += size


class ResultFile:
    """The growing result of one command."""

    def __init__(
        self,
        path: Path,
        descriptor: int,
        budget: Budget,
        pool: Executor | None = None,
        folder: NewName | None = None,
    ) -> None:
        self.path = path
        self._folder = folder
        self.bytes = 0
        self._descriptor = descriptor
        self._budget = budget
        self._pool = pool
        self._head = genesis(name_of(path))
        self._sum = hashlib.sha256()
        self._began = monotonic()
        self._unsynced = 0
        self._syncing: asyncio.Future[None] | None = None
        self._digest: ResultDigest | None = None
        self._failed: BaseException | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        budget: Budget,
        pool: Executor | None = None,
        folder: NewName | None = None,
    ) -> Self:
        """A new file; a command has one. It is durable when its folder's name is, too."""
        return cls(path, create(path), budget, pool, folder)

    def write(self, kind: Kind, data: bytes) -> None:
        """Append; raises when it is not all in the file."""
        if len(data) <= PIECE:
            self._append(kind, data)
            return
        for at in range(0, len(data), PIECE):
            self._append(kind, data[at : at + PIECE])

    @property
    def written(self) -> ResultDigest:
        """Of all that was given to it."""
        return ResultDigest(self._sum.hexdigest(), self.bytes)

    async def close(self) -> ResultDigest:
        """Make it durable, name included; raises where that fails, at any of its syncs."""
        if self._digest is None:
            self._digest = self.written
            if self._syncing is not None:
                await asyncio.wait([self._syncing])
                self._failed = self._syncing.exception()
            try:
                await asyncio.get_running_loop().run_in_executor(self._pool, self._finish)
                if self._folder is not None:
                    await self._folder.durable()
            except OSError as error:
                self._failed = self._failed or error
        if self._failed is not None:
            raise RecordingBroken(f"the result is not on the disk: {self._failed}")
        return self._digest

    def _append(self, kind: Kind, data: bytes) -> None:
        if self._digest is not None:
            raise RecordingBroken(f"the result {name_of(self.path)} is closed")
        ms = int((monotonic() - self._began) * 1000)
        chunk, head = pack(kind, 0, ms, data, self._head)
        self._budget.take(len(chunk))
        try:
            written = os.write(self._descriptor, chunk)
        except OSError as error:
            raise RecordingBroken(f"the result cannot be written: {error.strerror}") from error
        if written != len(chunk):
            os.ftruncate(self._descriptor, self.bytes)
            raise RecordingBroken("the result cannot be written: no space left")
        self._head = head
        self._sum.update(chunk)
        self.bytes += len(chunk)
        self._unsynced += len(chunk)
        if self._unsynced >= SYNC_EVERY and (self._syncing is None or self._syncing.done()):
            self._unsynced = 0
            loop = asyncio.get_running_loop()
            self._syncing = loop.run_in_executor(self._pool, os.fdatasync, self._descriptor)

    def _finish(self) -> None:
        try:
            os.fdatasync(self._descriptor)
        finally:
            os.close(self._descriptor)
        sync_folder(self.path.parent)


def read(path: Path) -> Iterator[Chunk]:
    """The whole chunks that are there now; call it in a thread when the file may be large."""
    return iter(Reader(path))
