"""Copies of the device's files: which ones a recipe's path means, and their bytes.

1. Each is opened as `getfile` opens it: by handle, never through a link, judged by the policy.
   Only a path that is named whole may itself be a link, which is followed once.
2. A folder is asked what it holds only as far as the path needs it, and never behind a network.
3. After HANGING reads that hang no other file is touched: a thread waits in each.
4. What one place holds costs no other its turn: the files, and the time of looking for them, are
   counted for each home by itself.
"""

import asyncio
import glob
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from commands.language.errors import FirelineError
from commands.language.host.files import FileRow
from commands.language.names import Name, shown
from endpoint_shim.collecting.recipes import Point
from endpoint_shim.collecting.side import Missed, Side
from endpoint_shim.collecting.timely import timely

GLOB = frozenset("*?[")
DEEPEST = 16
PIECE = 262_144
UNSIZED_MOST = 64 * 1024 * 1024
HANGING = 4

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Found:
    """What a path means on this device: a file, or why there is none."""

    path: Name
    modified: int | None = None
    """Seconds since 1970."""
    missed: FirelineError | None = None


@dataclass
class _Search:
    """The looking for the files of one place."""

    left_s: float
    """Its time; what is done with a file meanwhile is none of it."""
    limit_s: float

    def spend(self, seconds: float, folder: Name) -> None:
        self.left_s -= seconds
        if self.left_s < 0:
            raise _OverLong(folder)


class _OverLong(Exception):
    """A search that takes too long; where it stands."""

    def __init__(self, folder: Name) -> None:
        super().__init__(folder)
        self.folder = folder


class Copies:
    """The files of one collection."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._hanging = 0

    async def found(self, point: Point, pattern: str) -> AsyncIterator[Found]:
        """What a path of the recipe means; what is not there is told of a path named whole."""
        alone = not GLOB & set(pattern) and "{" not in pattern
        for path in self._spelled(pattern):
            count = 0
            async for found in self._at(path, point.limit_s):
                if not alone and isinstance(found.missed, self._side.absent):
                    continue
                if count == point.most_files:
                    why = f"{count:,} files of {pattern} are taken here, and no more"
                    yield Found(found.path, missed=Missed("left out", why))
                    break
                count += 1
                yield found

    async def pieces(self, point: Point, path: Name) -> AsyncIterator[bytes]:
        """A file's bytes, as many as it had when it was opened."""
        self._check(path)
        handle = await self._in_time(self._side.files.open(path), point.limit_s)
        try:
            most = point.most
            if most is None:
                most = handle.size if handle.sized else UNSIZED_MOST
            size, at = min(handle.size, most) if handle.sized else most, 0
            while at < size:
                wanted = handle.read(at, min(PIECE, size - at))
                piece = await self._in_time(wanted, point.limit_s)
                if not piece:
                    break
                at += len(piece)
                yield piece
        finally:
            await handle.close()
        if handle.sized and at < size:
            raise Missed("cut", f"it shrank while it was read, to {at:,} of {size:,} bytes")
        if at == most and (handle.size > most or not handle.sized):
            raise Missed("cut", f"its first {most:,} bytes are taken, and no more")

    def _spelled(self, pattern: str) -> Iterator[str]:
        """The pattern with its variables put in, once for every place that one stands for; a place
        is the device's word, and neither a pattern nor a variable again."""
        places = {name.lower(): found for name, found in self._side.variables().items()}
        names = "|".join(map(re.escape, places))
        parts = re.split(f"({names})", pattern, flags=re.IGNORECASE)
        choices = [
            [glob.escape(place) for place in places[part.lower()]] if number % 2 else [part]
            for number, part in enumerate(parts)
        ]
        for chosen in itertools.product(*choices):
            yield "".join(chosen)

    async def _at(self, path: str, limit_s: float) -> AsyncIterator[Found]:
        root, parts = self._side.divided(path)
        try:
            async for found in self._below(root, parts, _Search(limit_s, limit_s)):
                yield found
        except _OverLong as error:
            why = f"looking for files took more than {limit_s:g} s; the rest is left out"
            yield Found(error.folder, missed=Missed("timed out", why))

    async def _below(self, folder: Name, parts: list[str], search: _Search) -> AsyncIterator[Found]:
        while len(parts) > 1 and not GLOB & set(parts[0]):
            folder, parts = self._side.joined(folder, parts[0]), parts[1:]
        part, rest = parts[0], parts[1:]
        if part == "**":
            async for found in self._deep(folder, rest, search, DEEPEST):
                yield found
        elif GLOB & set(part):
            async for row in self._matching(folder, part, search):
                if isinstance(row, Found):
                    yield row
                elif not rest and not row.is_directory:
                    yield self._one(row)
                elif rest and row.kind == "directory":
                    async for found in self._below(row.path, rest, search):
                        yield found
        else:
            yield await self._named(self._side.joined(folder, part), search.limit_s)

    async def _deep(
        self, folder: Name, rest: list[str], search: _Search, depth: int
    ) -> AsyncIterator[Found]:
        """What `rest` means in the folder and in every folder below it."""
        async for found in self._below(folder, rest, search):
            yield found
        folders = [
            row.path
            async for row in self._matching(folder, "*", search)
            if isinstance(row, FileRow) and row.kind == "directory"
        ]
        if folders and not depth:
            yield Found(folder, missed=Missed("left out", "it is too deep a folder to go into"))
            return
        for one in folders:
            async for found in self._deep(one, rest, search, depth - 1):
                yield found

    async def _matching(
        self, folder: Name, pattern: str, search: _Search
    ) -> AsyncIterator[FileRow | Found]:
        """The entries of a folder that match; or why it does not tell."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            self._check(folder)
            # With a separator behind it a link to a folder is gone into, as `/var/run/*` needs it.
            listed = self._side.files.list(self._side.joined(folder, ""))
            async for row in timely(listed, search.limit_s):
                search.spend(clock() - began, folder)
                if self._side.matched(row.path, pattern):
                    yield row
                began = clock()
            search.spend(clock() - began, folder)
        except FirelineError as error:
            self._count(error)
            yield Found(folder, missed=error)

    async def _named(self, path: Name, limit_s: float, *, followed: bool = False) -> Found:
        """A path that is named whole."""
        try:
            self._check(path)
            async for row in timely(self._side.files.list(path), limit_s):
                if row.path == path and row.kind == "link" and row.target and not followed:
                    target = self._side.target(path, row.target)
                    return await self._named(target, limit_s, followed=True)
                if row.path == path and not row.is_directory:
                    return self._one(row)
                break
        except FirelineError as error:
            self._count(error)
            return Found(path, missed=error)
        return Found(path, missed=Missed("not a file", f"{shown(path)} is a folder"))

    def _one(self, row: FileRow) -> Found:
        modified = None if row.modified is None else row.modified // 1000
        if row.kind == "file":
            return Found(row.path, modified)
        if row.error:
            return Found(row.path, modified, Missed("refused", row.error))
        target = f" to {shown(row.target)}" if row.target is not None else ""
        state = "link" if row.kind == "link" else "not a file"
        return Found(row.path, modified, Missed(state, f"it is a {row.kind}{target}"))

    def _check(self, path: Name) -> None:
        self._side.check(path)
        if self._hanging >= HANGING:
            raise Missed("left out", f"{HANGING} files hang already, so no other is touched")

    async def _in_time(self, call: Awaitable[Answer], limit_s: float) -> Answer:
        try:
            async with asyncio.timeout(limit_s):
                return await call
        except TimeoutError:
            self._hanging += 1
            raise Missed("timed out", f"nothing came within {limit_s:g} s") from None

    def _count(self, error: FirelineError) -> None:
        self._hanging += isinstance(error, Missed) and error.state == "timed out"
