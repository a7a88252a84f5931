"""What an SFTP connection writes on this device: its uploads, and what it has made so far.

1. What a handle is asked is done in the order in which it came, one thing at a time: the digest
   at its end is that of the bytes as they were sent.
2. Bytes count as taken once they are written: the broker's window is the bound on what lies here.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from commands.language import wire
from commands.language.errors import NotUnderstood
from endpoint_shim.batches import made
from endpoint_shim.policy import Policy
from endpoint_shim.upload import Made, Upload

if sys.platform == "win32":
    from endpoint_shim.windows import changes
    from endpoint_shim.windows.uploads import open_to_write
else:
    from endpoint_shim.linux import changes
    from endpoint_shim.linux.uploads import open_to_write

Given = TypeVar("Given")


@dataclass
class _Open:
    """An upload under its number; whoever uses it holds the turn."""

    upload: Upload
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class FilesChanges:
    """The writing half of a stream's `files`."""

    def __init__(self, policy: Policy, took: Callable[[int], None]) -> None:
        self._policy, self._took = policy, took
        self._made = Made()
        self._open: dict[int, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, number: int) -> bool:
        return number in self._open

    def at(self, path: str) -> int | None:
        """The number of the upload that will be, or is, at a path."""
        return next((n for n, one in self._open.items() if one.upload.file.is_at(path)), None)

    async def facts(self, number: int) -> wire.FileFacts:
        return await self._in_turn(number, lambda upload: upload.file.facts())

    async def open(self, asked: wire.OpenWrite, number: int) -> wire.Answer:
        upload = await made(lambda: open_to_write(asked, self._policy, self._made), Upload.close)
        self._open[number] = _Open(upload)
        return wire.Answer(id=asked.id, handle=number, replaces=upload.replaces)

    async def write(self, asked: wire.Write, frames: list[bytes]) -> wire.Answer:
        data = b"".join(frames)
        try:
            await self._in_turn(asked.handle, lambda upload: upload.write(asked.offset, data))
        finally:
            for frame in frames:
                self._took(len(frame))
        return wire.Answer(id=asked.id)

    async def read(self, number: int, offset: int, length: int) -> bytes:
        return await self._in_turn(number, lambda upload: upload.file.read(offset, length))

    async def change(self, asked: wire.Change) -> wire.Answer:
        """All that is neither an opening nor bytes."""
        match asked:
            case wire.Sync():
                await self._in_turn(asked.handle, lambda upload: upload.file.sync())
            case wire.CloseFile():
                return await self._close(asked)
            case wire.SetFacts(handle=int(handle)):
                await self._in_turn(handle, lambda upload: upload.file.set(asked))
            case wire.SetFacts():
                await self._set_at(asked)
            case wire.MakeFolder():
                await asyncio.to_thread(changes.make_folder, asked, self._policy, self._made)
            case wire.Rename():
                await asyncio.to_thread(changes.rename, asked, self._policy, self._made)
        return wire.Answer(id=asked.id)

    async def drop(self, number: int) -> None:
        """Lets go of an upload that was not finished."""
        if (one := self._open.pop(number, None)) is not None:
            async with one.turn:
                await asyncio.to_thread(one.upload.close)

    async def drop_all(self) -> None:
        for number in list(self._open):
            await self.drop(number)

    async def _close(self, asked: wire.CloseFile) -> wire.Answer:
        one = self._of(asked.handle)
        async with one.turn:
            self._open.pop(asked.handle, None)
            await asyncio.to_thread(one.upload.finish, self._made)
        return wire.Answer(id=asked.id, sha256=one.upload.sha256)

    async def _set_at(self, asked: wire.SetFacts) -> None:
        """By path; a file that is written to has that path before it is there."""
        if (number := self.at(asked.path)) is not None:
            await self._in_turn(number, lambda upload: upload.file.set(asked))
            return
        await asyncio.to_thread(changes.set_facts, asked, self._policy, self._made)

    async def _in_turn(self, number: int, act: Callable[[Upload], Given]) -> Given:
        one = self._of(number)
        async with one.turn:
            if number not in self._open:
                raise NotUnderstood(f"the file under the number {number} was closed meanwhile")
            return await asyncio.to_thread(act, one.upload)

    def _of(self, number: int) -> _Open:
        if number not in self._open:
            raise NotUnderstood(f"no file is open for writing under the number {number}")
        return self._open[number]
