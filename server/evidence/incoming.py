"""One file on its way from a device into a session's evidence.

1. It lies in `incoming/` under the command's id and becomes its name by rename, after the digests
   agree and the bytes are on the disk. What is cut off is sealed as NAME.partial.
2. Writing and hashing happen in a thread, in order, with a bound on what waits; full pauses the
   device. fdatasync every 8 MiB, so that no commit of the journal waits for a gigabyte.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from commands.language import items, names
from commands.language.errors import Failed, FirelineError, Refused
from server.audit.folders import sync_folder
from server.audit.records import EvidencePartial, EvidenceTaken, FileTaken
from server.audit.session import SessionJournal

BATCH = 1 << 20
WAITING = 8 << 20
SYNC_EVERY = 8 << 20


class Incoming:
    """Fed by the stream's callback; taken or kept as partial at the end."""

    def __init__(
        self,
        journal: SessionJournal,
        number: int,
        into: items.Into,
        name: str,
        limit: int,
        resumed: "Resumed | None",
    ) -> None:
        self.name, self.number, self._journal = name, number, journal
        self._into, self._limit = into, limit
        self.expected: items.Taken | None = None
        self.failed: FirelineError | None = None
        self.on_drained: Callable[[], None] = lambda: None
        self.path = journal.incoming(number, name)
        self.size = into.offset
        self._digest = resumed.digest if resumed is not None else hashlib.sha256()
        self._descriptor = resumed.descriptor if resumed is not None else _create(self.path)
        if resumed is not None:
            os.rename(resumed.path, self.path)  # never listed as taken; synced with its bytes
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._unsynced = 0
        self._paused = False
        self._writer: asyncio.Task[None] | None = None
        if into.size is not None and into.size > limit:
            raise Refused(
                f"{names.shown(into.name)} has {into.size:,} bytes, at most {limit:,} are taken; "
                "nothing was transferred"
            )

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes; False: full, stop until `on_drained`."""
        self.size += len(data)
        announced = self._into.size if self._into.size is not None else self._limit
        if self.size > min(announced, self._limit):
            raise Refused(
                f"{names.shown(self._into.name)} sent more than the {announced:,} bytes announced"
            )
        self._waiting.append(data)
        self._waiting_size += len(data)
        idle = self._writer is None or self._writer.done()
        if idle and self._waiting_size >= BATCH:
            self._writer = asyncio.create_task(self._write_all())
        self._paused = self._waiting_size >= WAITING
        return not self._paused

    async def take(self) -> FileTaken:
        """Checks, syncs, renames, journals; raises Failed where the digests differ."""
        await self._flush()
        digest = self._digest.hexdigest()
        shown = names.shown(self._into.name)
        if self.expected is None:
            raise Failed(f"{shown} did not come whole; what came is kept as {self.name}.partial")
        if self.expected.sha256 != digest or self.expected.size != self.size:
            raise Failed(
                f"{shown} differs: {self.size:,} bytes with sha256 {digest} here, "
                f"{self.expected.size:,} with {self.expected.sha256} on the device"
            )
        target = await asyncio.to_thread(self._finish)
        taken = FileTaken(
            name=target.name, path=str(self._into.name), bytes=self.size, sha256=digest
        )
        await self._journal.append(
            EvidenceTaken(
                number=self.number,
                name=taken.name,
                path=taken.path,
                bytes=taken.bytes,
                sha256=digest,
            )
        )
        self.name = target.name
        return taken

    async def keep_partial(self) -> None:
        """What came so far, under NAME.partial, with its digest; never listed as taken."""
        if self._descriptor < 0:
            return
        try:
            await self._flush()
        except FirelineError as error:
            self.failed = error
        digest = self._digest.hexdigest()
        target = await asyncio.to_thread(self._seal_partial)
        await self._journal.append(
            EvidencePartial(number=self.number, name=target.name, bytes=self.size, sha256=digest)
        )

    async def _flush(self) -> None:
        if self._writer is not None:
            await self._writer
        await self._write_all()
        if self.failed is not None:
            raise self.failed

    async def _write_all(self) -> None:
        while self._waiting and self.failed is None:
            batch, self._waiting = self._waiting, []
            self._waiting_size = 0
            try:
                await asyncio.to_thread(self._write, batch)
            except OSError as error:
                self.failed = Failed(f"the evidence cannot be written: {error.strerror}")
            if self._paused:
                self._paused = False
                self.on_drained()

    def _write(self, batch: list[bytes]) -> None:
        data = b"".join(batch)
        self._digest.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._unsynced += len(data)
        if self._unsynced >= SYNC_EVERY:
            self._unsynced = 0
            os.fdatasync(self._descriptor)

    def _finish(self) -> Path:
        return self._close_as(self.name)

    def _seal_partial(self) -> Path:
        return self._close_as(f"{self.name}.partial")

    def _close_as(self, name: str) -> Path:
        folder = self._journal.evidence
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        target = folder / name
        for turn in range(2, 10_000):
            try:
                os.link(self.path, target)
                break
            except FileExistsError:
                target = folder / f"{name}.{turn}"
        os.unlink(self.path)
        sync_folder(folder)
        sync_folder(self.path.parent)
        return target


class Resumed:
    """A partial file of this session that the device may go on with."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = hashlib.sha256()
        self.descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        while data := os.read(self.descriptor, BATCH):
            self.digest.update(data)


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)
