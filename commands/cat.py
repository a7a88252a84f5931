"""`cat`: a file as visible text."""

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, NAMED, DeviceCommand
from commands.language.errors import NotUnderstood
from commands.language.host import Host
from commands.language.host.files import FileHandle
from commands.language.items import Into, Item, Note
from commands.language.names import Name, shown

MAX = 1024 * 1024
PIECE = 65_536


class Cat(DeviceCommand, role=BASIC, text=True, aliases=("type",)):
    """Show a file as text, at most 1 MiB of it, with the digest of what was shown.

    Bytes that are no text are shown as \\xff; UTF-16 with a byte-order mark is decoded.
    """

    path: Annotated[Name, "file on the device"]
    head: Annotated[int | None, "only so many lines from the start", NAMED] = None
    tail: Annotated[int | None, "only so many lines from the end", NAMED] = None

    async def run(self, host: Host) -> AsyncIterator[Item]:
        if self.head is not None and self.tail is not None:
            raise NotUnderstood("cat takes -head or -tail, not both")
        for count in (self.head, self.tail):
            if count is not None and count < 0:
                raise NotUnderstood("cat takes a number of lines of 0 or more")
        handle = await host.files.open(self.path)
        try:
            data, cut = await _part(handle, self.tail is not None)
        finally:
            await handle.close()
        if self.head is not None:
            data = b"".join(data.splitlines(keepends=True)[: self.head])
        if self.tail is not None:
            lines = data.splitlines(keepends=True)
            data = b"".join(lines[max(0, len(lines) - self.tail) :])
        yield Into("text", handle.path, size=len(data), page=page_of(data))
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]
        whole = "" if not cut else f" of {cut:,}; getfile takes it whole"
        digest = hashlib.sha256(data).hexdigest()
        yield Note(f"{shown(handle.path)}: {len(data):,} bytes{whole}, sha256 {digest}")


async def _part(handle: FileHandle, end: bool) -> tuple[bytes, int]:
    """At most MAX bytes from the start or the end, and the whole size if that is not all."""
    start = max(0, handle.size - MAX) if end and handle.sized else 0
    data = bytearray()
    while len(data) < MAX and (
        piece := await handle.read(start + len(data), min(PIECE, MAX - len(data)))
    ):
        data += piece
    if handle.sized and len(data) < handle.size:
        return bytes(data), handle.size
    return bytes(data), 0


def page_of(data: bytes) -> str:
    """The codec that a byte-order mark names, else UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"
