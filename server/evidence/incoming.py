"""One file on its way from a device into a session's evidence.

1. It lies in `incoming/` under the command's id and becomes its name by a link that never
   overwrites, after the digests agree and the bytes are on the disk. What is cut off is sealed as
   NAME.partial; its digest is of exactly the bytes that lie there.
2. Copying, writing and hashing happen in a thread, in order, with a bound on what waits; full
   pauses the device. Where the page cache is in between, fdatasync every 8 MiB, so that no commit
   waits for a gigabyte.
3. What goes on where it broke begins as a copy of the partial, hashed while copied and compared
   with what its record says; the partial itself is evidence and stays.
4. A hole stays one here, and is hashed as the zeros that it is. Limits and budgets count what takes
   place; with its holes a file has a limit of its own, for its hash is worked for.
"""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from commands.language import items, names
from commands.language.direct import DirectWriter
from commands.language.errors import Failed, FirelineError, Refused
from commands.language.holes import HOLE, hash_zeros
from server.audit.closing import close_package, is_whole
from server.audit.folders import sync_folder
from server.audit.package_records import PackageKept
from server.audit.records import EvidencePartial, EvidenceTaken, FileTaken
from server.audit.sealing import PARTIAL, PARTIAL_ZIP
from server.audit.session import SessionJournal
from server.audit.sparse_files import run_at

BATCH = 1 << 20
WAITING = 8 << 20
SYNC_EVERY = 8 << 20
SAME_NAME = 10_000
A_HOLE = 64
"""As many bytes of a hole wait as one of data: that is what the hash takes of a disk's time."""


class Held(NamedTuple):
    """A sealed partial: the device's path, where it lies, and what it holds."""

    path: str
    file: Path
    size: int
    sha256: str
    holes: int = 0
    """Bytes of it that take no place."""


class Incoming:
    """Fed by the stream's callback; taken or kept as partial at the end."""

    def __init__(
        self,
        journal: SessionJournal,
        number: int,
        into: items.Into,
        name: str,
        limit: int,
        held: Held | None,
        with_holes: int = 0,
    ) -> None:
        """`limit` of data, or `with_holes` in all where that is more."""
        self.name, self.number, self._journal = name, number, journal
        self._into, self._limit, self._held = into, limit, held
        if into.size is not None:
            _check_size(into, into.size, limit, max(limit, with_holes))
        self.expected: items.Taken | None = None
        self.failed: FirelineError | None = None
        self.on_drained: Callable[[], None] = lambda: None
        self.on_partial: Callable[[Held], None] = lambda held: None
        self.spend: Callable[[int], None] = lambda size: None
        """Told of bytes before they are taken; raises Refused over a budget."""
        self.kept: FileTaken | None = None
        """The partial, once it is sealed."""
        self.reserve = 0
        """What must stay free on the disk."""
        self.size, self.holes = into.offset, held.holes if held is not None else 0
        self.path = journal.incoming(number, name)
        self._descriptor = _create(self.path)
        self._file = DirectWriter(self._descriptor, _set_direct, self._lies_there)
        self._digest = hashlib.sha256()
        self._written, self._unsynced, self._copied = 0, 0, 0
        self._waiting: list[bytes | int] = []
        """Data, and how long the holes between are."""
        self._waiting_size = 0
        self._paused = False
        self._writer: asyncio.Task[None] | None = None
        self.is_package = False
        """A zip that is made valid where it is cut off."""
        if held is not None:
            self._writer = asyncio.create_task(self._write_all())

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes; False: full, stop until `on_drained`."""
        if self.failed is not None:
            return False
        announced = self._into.size if self._into.size is not None else self._limit
        if self.size + len(data) > announced:
            raise Refused(
                f"{names.shown(self._into.name)} sent more than the {announced:,} bytes announced"
            )
        if self.size - self.holes + len(data) > self._limit:
            raise Refused(
                f"{names.shown(self._into.name)} has more than the {self._limit:,} bytes of data "
                "that are taken"
            )
        self.spend(len(data))
        self.size += len(data)
        return self._add(data, len(data))

    def skip(self, size: int) -> bool:
        """The next `size` bytes are a hole; False: full, as in `feed`."""
        if self.failed is not None:
            return False
        if self.size + size > (self._into.size or 0):
            raise Refused(f"{names.shown(self._into.name)} sent more than was announced")
        self.size += size
        self.holes += size
        return self._add(size, max(1, size // A_HOLE))

    def _add(self, piece: bytes | int, cost: int) -> bool:
        self._waiting.append(piece)
        self._waiting_size += cost
        idle = self._writer is None or self._writer.done()
        if idle and self._waiting_size >= BATCH:
            self._writer = asyncio.create_task(self._write_all())
        self._paused = self._waiting_size >= WAITING
        return not self._paused

    async def take(self) -> FileTaken:
        """Checks, syncs, gives it its name, journals; raises Failed where the digests differ."""
        await self._flush()
        digest, shown = self._digest.hexdigest(), names.shown(self._into.name)
        if self.expected is None:
            raise Failed(f"{shown} did not come whole; what came is kept as {self.name}.partial")
        if self.expected != items.Taken(self._written, digest):
            raise Failed(
                f"{shown} differs: {self._written:,} bytes with sha256 {digest} here, "
                f"{self.expected.size:,} with {self.expected.sha256} on the device"
            )
        if self.is_package and not await asyncio.to_thread(is_whole, self.path):
            raise Failed(f"{shown} is no package as a shim makes it; its whole members are kept")
        self.name = await self._sealed(self.name)
        path = str(self._into.name)
        taken = FileTaken(self.name, path, self._written, digest, self.holes)
        await self._journal.append(
            EvidenceTaken(
                number=self.number,
                name=taken.name,
                path=taken.path,
                bytes=taken.bytes,
                sha256=digest,
                holes=taken.holes,
            )
        )
        if self.is_package:
            await self._journal.append(
                PackageKept(self.number, taken.name, taken.bytes, digest, whole=True)
            )
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
        try:
            if self.is_package:
                self._written, digest = await self._closed()
                name = await self._sealed(f"{self.name.removesuffix('.zip')}{PARTIAL_ZIP}")
            else:
                name = await self._sealed(f"{self.name}{PARTIAL}")
        except FirelineError as error:
            # It stays in incoming/, where the next start seals it; nobody may wait for it here.
            self.failed = error
            return
        path = str(self._into.name)
        self.kept = FileTaken(name, path, self._written, digest)
        await self._journal.append(
            EvidencePartial(number=self.number, name=name, bytes=self._written, sha256=digest)
        )
        if self.is_package:
            await self._journal.append(
                PackageKept(self.number, name, self._written, digest, whole=False)
            )
        elif self._written:
            kept = self._journal.evidence / name
            held = Held(path, kept, self._written, digest, self.holes)
            self.on_partial(held)

    async def _flush(self) -> None:
        if self._writer is not None:
            await self._writer
        await self._write_all()
        if self.failed is None:
            await self._in_thread(self._file.finish)
        if self.failed is not None:
            raise self.failed

    async def _write_all(self) -> None:
        while (self._waiting or self._held is not None) and self.failed is None:
            if self._held is not None:
                await self._copy(self._held)
                self._held = None
            batch, self._waiting = self._waiting, []
            self._waiting_size = 0
            if self.failed is None:
                await self._in_thread(self._write, batch)
            if self._paused:
                self._paused = False
                self.on_drained()

    async def _in_thread(self, work: Callable[..., None], *given: object) -> None:
        try:
            await asyncio.to_thread(work, *given)
        except OSError as error:
            self.failed = Failed(f"the evidence cannot be written: {error.strerror}")
        except FirelineError as error:
            self.failed = error

    async def _copy(self, held: Held) -> None:
        """The held bytes, as they lie on the disk; they must be those that the record names."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            partial = await asyncio.to_thread(os.open, held.file, flags)
        except OSError as error:
            self.failed = Failed(f"the evidence cannot be read: {error.strerror}")
            return
        try:
            while self.failed is None and self._copied < held.size:
                await self._in_thread(self._copy_on, partial, held)
        finally:
            os.close(partial)
        digest = self._digest.copy()
        digest.update(self._file.waiting)
        if self.failed is None and digest.hexdigest() != held.sha256:
            self.failed = _changed(held)

    def _copy_on(self, partial: int, held: Held) -> None:
        """A part of it: nobody else who needs a thread is to wait for a whole file."""
        end = min(held.size, self._copied + HOLE)
        while self._copied < end:
            stop, hole = run_at(partial, self._copied, end)
            if hole:
                self._skip(stop - self._copied)
            else:
                stop = min(stop, self._copied + BATCH)
                data = os.pread(partial, stop - self._copied, self._copied)
                if not data:
                    raise _changed(held)
                self._file.write(data)
                stop = self._copied + len(data)
            self._copied = stop

    def _write(self, batch: list[bytes | int]) -> None:
        for piece in batch:
            if isinstance(piece, int):
                self._skip(piece)
            else:
                self._file.write(piece)

    def _skip(self, size: int) -> None:
        self._file.skip(size)
        hash_zeros(self._digest, size)
        self._written += size

    def _lies_there(self, data: memoryview) -> None:
        self._digest.update(data)
        self._written += len(data)
        self._unsynced += len(data)
        if self._unsynced >= SYNC_EVERY:
            self._unsynced = 0
            if not self._file.direct:
                os.fdatasync(self._descriptor)
            self._check_free()

    def _check_free(self) -> None:
        found = os.fstatvfs(self._descriptor)
        free = found.f_bavail * found.f_frsize
        if free < self.reserve:
            raise Refused(
                f"the broker has {free >> 20} MiB free and must keep {self.reserve >> 20}; "
                "an operator makes room"
            )

    async def _closed(self) -> tuple[int, str]:
        """A package that was cut off, as a valid zip: its size and digest now."""
        try:
            closed = await asyncio.to_thread(close_package, self.path)
        except OSError as error:
            raise Failed(f"the evidence cannot be kept: {error.strerror}") from error
        return closed.size, closed.sha256

    async def _sealed(self, name: str) -> str:
        """Gives it its name, durably; the name it got."""
        try:
            return await asyncio.to_thread(self._close_as, name)
        except OSError as error:
            raise Failed(f"the evidence cannot be kept: {error.strerror}") from error

    def _close_as(self, name: str) -> str:
        folder = self._journal.evidence
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        target = _linked(self.path, folder, name)
        sync_folder(folder)
        os.unlink(self.path)
        sync_folder(self.path.parent)
        return target


def _linked(path: Path, folder: Path, name: str) -> str:
    """Links it as `name`, or `name.2`, `name.3` …: what lies there is never replaced."""
    for turn in range(1, SAME_NAME):
        free = name if turn == 1 else f"{name}.{turn}"
        try:
            os.link(path, folder / free)
        except FileExistsError:
            continue
        return free
    raise FileExistsError(17, f"{SAME_NAME:,} files of the name {name} are there")


def _check_size(into: items.Into, size: int, limit: int, with_holes: int) -> None:
    shown, data = names.shown(into.name), size - into.holes
    if data > limit:
        of = f" of data in its {size:,}" if into.holes else ""
        raise Refused(
            f"{shown} has {data:,} bytes{of}, at most {limit:,} are taken; nothing was transferred"
        )
    if size > with_holes:
        raise Refused(
            f"{shown} has {size:,} bytes with its holes, at most {with_holes:,} are taken; nothing "
            "was transferred"
        )


def _changed(held: Held) -> Failed:
    return Failed(f"{held.file.name} is not what its record says; verify names it")


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise Failed(f"the evidence cannot be written: {error.strerror}") from error


def _set_direct(descriptor: int, on: bool) -> bool:
    """Sets O_DIRECT, or not; False where the file system has only the page cache."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)
    except OSError:
        return False
    return True
