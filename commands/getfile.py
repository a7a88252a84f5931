"""`getfile`: a file of the device into the session's evidence."""

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, DeviceCommand, minutes
from commands.language.errors import Failed
from commands.language.host import Host
from commands.language.host.files import Archive, FileHandle
from commands.language.items import Into, Item, Note, Sent, Taken
from commands.language.names import Name, is_same, shown

PIECE = 65_536


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

    Goes on where it broke; done only when both sides have the same SHA-256. The size is the one
    at its opening: what a growing file gains later is not taken. What is no plain file is refused
    by name; PATH:STREAM is a stream of a Windows file. A folder, or what a glob in the last part
    of the path names (* ? [ab]), comes as one archive, PATH.tar: links are kept as links, other
    file systems and special files are left out and said; broken off, it begins anew.
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
        archive = await host.files.archive(self.path)
        if archive is not None:
            async for item in _archived(archive):
                yield item
            return
        handle = await host.files.open(self.path, recall=self.recall)
        try:
            size = handle.size if handle.sized else None
            digest, at = await _resume(handle, host.have, host.have_sha256)
            yield Into("file", handle.path, size=size, offset=at)
            while size is None or at < size:
                wanted = PIECE if size is None else min(PIECE, size - at)
                piece = await handle.read(at, wanted)
                if not piece:
                    break
                digest.update(piece)
                at += len(piece)
                yield piece
            if size is not None and at < size:
                raise Failed(
                    f"{shown(handle.path)} changed while it was read: {size:,} bytes at its "
                    f"opening, {at:,} at its end; what came is kept as partial"
                )
            if size is not None and await handle.read(size, 1):
                yield Note(
                    f"{shown(handle.path)} grew while it was read; its first {size:,} bytes "
                    "are taken"
                )
            yield Taken(at, digest.hexdigest())
        finally:
            await handle.close()


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


async def _resume(handle: FileHandle, have: int, sha256: str | None) -> tuple["hashlib._Hash", int]:
    """Re-reads what the broker holds; the hash up to there, or a fresh start if it differs."""
    digest, at = hashlib.sha256(), 0
    while at < have:
        piece = await handle.read(at, min(PIECE, have - at))
        if not piece:
            break
        digest.update(piece)
        at += len(piece)
    if at == have and (have == 0 or digest.hexdigest() == sha256):
        return digest, at
    return hashlib.sha256(), 0
