"""Bytes as members of the zip, in the order in which they go over the line; memory stays flat.

1. A member is held back until it is whole, so that its sizes and CRC stand before it. One that is
   too large for that is sent as it comes, and they follow it.
2. What fails half way keeps what came of it: the member is ended, then the error goes on.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import cast

from commands.language.errors import FirelineError
from commands.language.zipped import Entry, end, following, header, listed
from endpoint_shim.collecting.member_names import MemberNames
from endpoint_shim.collecting.side import Missed
from endpoint_shim.collecting.spool import HELD, Deflated, Spool

GATHERED = 262_144
AT_ONCE = 65_536
"""So much is packed on the loop; more goes to a thread."""
MOST_MEMBERS = 8_000


class Writer:
    """One package's bytes."""

    def __init__(self, names: MemberNames, most: int) -> None:
        self._names, self._most = names, most
        self._directory, self._count = bytearray(), 0
        self._digest = hashlib.sha256()
        self.at = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @property
    def full(self) -> bool:
        """Whether it has as many members as it takes."""
        return self._count >= MOST_MEMBERS

    async def member(
        self, entry: Entry, parts: Sequence[str], spool: Spool, pieces: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """Its bytes in the package; then raises what kept it from being whole.

        The entry gets its name when it becomes a member: nothing of one that failed at once does.
        """
        missed: FirelineError | OSError | None = None
        try:
            self._check_count()
            async for data in _gathered(pieces):
                packed = await _done(spool.add if entry.streamed else spool.hold, data)
                if packed:
                    yield self._sent(packed)
                self._check_room(spool, entry)
                if spool.packed > HELD and not entry.streamed:
                    entry.streamed = True
                    yield self._begun(entry, parts)
                    for piece in spool.pieces():
                        yield self._sent(piece)
        except (FirelineError, OSError) as error:
            missed = error
        if entry.streamed:
            yield self._sent(spool.finish())
            _known(entry, spool)
            yield self._sent(following(entry))
            self._directory += listed(entry)
        elif missed is None or (spool.size and not _left_out(missed)):
            spool.close()
            _known(entry, spool)
            yield self._begun(entry, parts)
            self._directory += listed(entry)
            for piece in spool.pieces():
                yield self._sent(piece)
        if missed is not None:
            raise missed

    def whole(self, entry: Entry, spool: Spool) -> Iterator[bytes]:
        """A member of the package's own, whatever room is left; the spool has all of it."""
        _known(entry, spool)
        yield self._headed(entry)
        self._directory += listed(entry)
        for piece in spool.pieces():
            yield self._sent(piece)

    def end(self) -> Iterator[bytes]:
        at, size = self.at, len(self._directory)
        for piece in range(0, size, GATHERED):
            yield self._sent(bytes(self._directory[piece : piece + GATHERED]))
        yield self._sent(end(self._count, size, at))

    def _begun(self, entry: Entry, parts: Sequence[str]) -> bytes:
        entry.name = self._names.of(parts)
        return self._headed(entry)

    def _headed(self, entry: Entry) -> bytes:
        entry.at = self.at
        self._count += 1
        return self._sent(header(entry))

    def _sent(self, data: bytes) -> bytes:
        self._digest.update(data)
        self.at += len(data)
        return data

    def _check_count(self) -> None:
        if self.full:
            raise Missed("left out", f"the package has {MOST_MEMBERS:,} files, and takes no more")

    def _check_room(self, spool: Spool, entry: Entry) -> None:
        used = self.at if entry.streamed else self.at + spool.packed
        if used > self._most:
            state = "cut" if entry.streamed else "left out"
            raise Missed(state, f"the package has reached {self._most:,} bytes, and takes no more")


def _known(entry: Entry, spool: Deflated) -> None:
    entry.size, entry.packed, entry.crc = spool.size, spool.packed, spool.crc


def _left_out(error: FirelineError | OSError) -> bool:
    return isinstance(error, Missed) and error.state == "left out"


async def _done(work: Callable[[bytes], bytes], data: bytes) -> bytes:
    return work(data) if len(data) <= AT_ONCE else await asyncio.to_thread(work, data)


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in fewer pieces; those before an error come before it."""
    waiting, size = [], 0
    failed: FirelineError | OSError | None = None
    async with aclosing(cast("AsyncGenerator[bytes, None]", pieces)) as source:
        try:
            async for piece in source:
                waiting.append(piece)
                size += len(piece)
                if size >= GATHERED:
                    yield b"".join(waiting)
                    waiting, size = [], 0
        except (FirelineError, OSError) as error:
            failed = error
    if waiting:
        yield b"".join(waiting)
    if failed is not None:
        raise failed
