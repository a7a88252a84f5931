"""`getfile`: a file of the device into the session's evidence."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, DeviceCommand, minutes
from commands.language.errors import Failed
from commands.language.holes import HOLE, hash_zeros
from commands.language.host import Host
from commands.language.host.files import Archive, Extent, FileHandle
from commands.language.items import Hole, Into, Item, Note, Progress, Sent, Taken
from commands.language.names import Name, is_same, shown

PIECE = 65_536
LOOK_S = 0.5
"""A folder is counted before its first byte comes: minutes, of half a million files."""


class GetFile(
    DeviceCommand,
    role=BASIC,
    group="take",
    limit=minutes(30),
    aliases=("download", "get"),
    needs="fileinfo",
    most="file_bytes",
):
    """Fetch a file from the device into this session's evidence.

    Goes on where it broke; done only when both sides have the same SHA-256. The size is the one at
    its opening: what a growing file gains later is not taken. Of a sparse file only its data is
    sent, and counts. What is no plain file is refused by name; PATH:STREAM is a stream of a Windows
    file. A folder, or what a glob in the last part of the path names (* ? [ab]), comes as one
    archive, PATH.tar: links are kept as links, other file systems and special files are left out
    and said; sparse ones come whole; broken off, it begins anew.
    """

    path: Annotated[Name, "file, folder or glob on the device; quote it if it has spaces"]
    recall: Annotated[bool, "have the device fetch a placeholder's content first (Windows)"] = False
    auto: Annotated[bool, "run first what has to run first: fileinfo PATH"] = False

    def differs(self, item: Sent, folder: Name) -> str:
        if isinstance(item, Into) and not (
            is_same(folder, self.path, item.name) or is_same(folder, self.path, item.name, ".tar")
        ):
            return f"{shown(item.name)} where {shown(self.path)} was asked for"
        return ""

    async def run(self, host: Host) -> AsyncIterator[Item]:
        looking = asyncio.create_task(host.files.archive(self.path))
        try:
            if not (await asyncio.wait({looking}, timeout=LOOK_S))[0]:
                yield Progress(0, None, f"looking through {shown(self.path)}")
            archive = await looking
        finally:
            looking.cancel()
        if archive is not None:
            async for item in _archived(archive):
                yield item
            return
        handle = await host.files.open(self.path, recall=self.recall)
        try:
            async for item in _taken(handle, host.have, host.have_sha256):
                yield item
        finally:
            await handle.close()


class _Digest:
    """Of what was read so far, holes as well: how much, and its hash."""

    def __init__(self) -> None:
        self.at = 0
        self._hash = hashlib.sha256()

    async def add(self, piece: bytes | Hole) -> None:
        if isinstance(piece, Hole):
            await asyncio.to_thread(hash_zeros, self._hash, piece.size)
            self.at += piece.size
        else:
            self._hash.update(piece)
            self.at += len(piece)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


async def _taken(handle: FileHandle, have: int, sha256: str | None) -> AsyncIterator[Item]:
    size = handle.size if handle.sized else None
    holes = await handle.holes()
    digest = await _resume(handle, have, sha256)
    yield Into("file", handle.path, size=size, offset=digest.at, holes=holes)
    async for piece in _pieces(handle, digest.at, size):
        yield piece  # first: the broker hashes at the same time
        await digest.add(piece)
    if size is not None and digest.at < size:
        raise Failed(
            f"{shown(handle.path)} changed while it was read: {size:,} bytes at its "
            f"opening, {digest.at:,} at its end; what came is kept as partial"
        )
    if size is not None and await handle.read(size, 1):
        yield Note(
            f"{shown(handle.path)} grew while it was read; its first {size:,} bytes are taken"
        )
    yield Taken(digest.at, digest.sha256)


async def _pieces(handle: FileHandle, at: int, end: int | None) -> AsyncIterator[bytes | Hole]:
    """What stands between two offsets, as far as the file goes; without an end to its own."""
    stop, hole = at, False
    while end is None or at < end:
        if at == stop:
            extent = await handle.extent(at) if handle.sized else Extent(PIECE)
            stop, hole = at + extent.size, extent.hole
            stop = stop if end is None else min(stop, end)
        piece: bytes | Hole
        if hole and at < stop:
            piece = Hole(min(HOLE, stop - at))
            at += piece.size
        elif piece := await handle.read(at, min(PIECE, stop - at)):
            at += len(piece)
        else:
            return
        yield piece


async def _archived(archive: Archive) -> AsyncIterator[Item]:
    digest, at = hashlib.sha256(), 0
    yield Into("file", archive.path, size=archive.size)
    async for piece in archive.pieces():
        if isinstance(piece, str):
            yield Note(piece)
            continue
        digest.update(piece)
        at += len(piece)
        yield piece
    yield Taken(at, digest.hexdigest())


async def _resume(handle: FileHandle, have: int, sha256: str | None) -> _Digest:
    """Re-reads what the broker holds; the hash up to there, or a fresh start if it differs."""
    digest = _Digest()
    async for piece in _pieces(handle, 0, have):
        await digest.add(piece)
    same = digest.at == have and (have == 0 or digest.sha256 == sha256)
    return digest if same else _Digest()
