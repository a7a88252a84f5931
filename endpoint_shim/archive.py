"""Several files as one tar (POSIX.1-2001, pax) that is made while it is read.

1. What is to be taken is walked twice: once to count, so that a limit refuses before the first
   byte, and once to read. What came in between is left out where there is no room for it, and said.
2. A file that shrinks while it is read is filled with zeros and said: what follows stays readable.
3. How things are walked and opened is each platform's own (`Side`).
"""

import contextlib
import tarfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from commands.language.errors import Failed, FirelineError
from commands.language.names import Name
from endpoint_shim.batches import in_batches

PIECE = 65_536
AT_ONCE = 16
"""Pieces that a thread fetches before it lets others have their turn."""
BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
NAMED = 50
"""So many of what was left out or changed are named; of the rest the number is said."""


class Content(Protocol):
    """An open plain file."""

    def piece(self, length: int, offset: int) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Member:
    """One thing on the way: its header and, of a plain file, its bytes; or a sentence why not."""

    shown: str
    info: tarfile.TarInfo | None = None
    content: Content | None = None
    why: str = ""
    in_words: Callable[[OSError], FirelineError] = lambda error: Failed(str(error))


Entry = TypeVar("Entry")


class Side(Protocol[Entry]):
    """One platform's way through what is to be taken."""

    def entries(self) -> Generator[Entry, None, None]:
        """A new walk."""
        ...

    def header(self, entry: Entry) -> tarfile.TarInfo | None:
        """Of what would be taken now; nothing is opened to be read."""
        ...

    def member(self, entry: Entry) -> Member:
        """The same, opened by handle and judged by the policy; who takes it closes it."""
        ...

    def sentences(self) -> list[str]:
        """What the last walk left out."""
        ...


class TarArchive(Generic[Entry]):
    """The protocol's Archive."""

    def __init__(self, path: Name, side: Side[Entry]) -> None:
        self._path, self._side = path, side
        self._notes: list[str] = []
        self._unnamed = 0
        self._begun = bytearray()
        self.members, self.size = 0, len(END)
        with contextlib.closing(side.entries()) as entries:
            for entry in entries:
                if (info := side.header(entry)) is not None:
                    self.members += 1
                    self.size += len(_header(info)) + _padded(info.size)

    @property
    def path(self) -> Name:
        return self._path

    async def pieces(self) -> AsyncIterator[bytes | str]:
        async with aclosing(in_batches(self._made(), AT_ONCE)) as pieces:
            async for piece in pieces:
                yield piece

    def _made(self) -> Generator[bytes | str, None, None]:
        room = self.size - len(END)
        with contextlib.closing(self._side.entries()) as entries:
            for entry in entries:
                try:
                    member = self._side.member(entry)
                except FirelineError as error:
                    self._say(f"{error}; left out")
                    continue
                before = room
                for data in self._member(member, before):
                    room -= len(data)
                    yield from self._gathered(data)
        yield from self._gathered(END)
        if self._begun:
            yield bytes(self._begun)
        yield from self._side.sentences()
        yield from self._notes
        if self._unnamed:
            yield f"and {self._unnamed:,} more that were left out or changed while they were read"

    def _gathered(self, data: bytes) -> Iterator[bytes]:
        """Small members together: one frame for each would cost more than their bytes."""
        self._begun += data
        if len(self._begun) >= PIECE:
            whole, self._begun = bytes(self._begun), bytearray()
            yield whole

    def _member(self, member: Member, room: int) -> Iterator[bytes]:
        """A header and bytes; nothing of it where it is not taken."""
        try:
            if member.info is None:
                if member.why:
                    self._say(member.why)
                return
            header = _header(member.info)
            if len(header) + _padded(member.info.size) > room:
                self._say(f"{member.shown} is new or grew meanwhile and was left out")
                return
            yield header
            if member.content is not None:
                yield from self._content(member, member.content.piece, member.info.size)
        finally:
            if member.content is not None:
                member.content.close()

    def _content(
        self, member: Member, read: Callable[[int, int], bytes], size: int
    ) -> Iterator[bytes]:
        at = 0
        while at < size:
            try:
                piece = read(min(PIECE, size - at), at)
            except OSError as error:
                self._say(f"{member.in_words(error)} at byte {at:,}; zeros from there on")
                break
            if not piece:
                self._say(
                    f"{member.shown} shrank while it was read: {size:,} bytes at its opening, "
                    f"{at:,} at its end; zeros from there on"
                )
                break
            at += len(piece)
            yield piece
        while at < (padded := _padded(size)):
            zeros = bytes(min(PIECE, padded - at))
            at += len(zeros)
            yield zeros

    def _say(self, what: str) -> None:
        if len(self._notes) < NAMED:
            self._notes.append(what)
        else:
            self._unnamed += 1


def _header(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
