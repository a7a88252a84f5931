"""The package as it is made: data point after data point, and what is said of each.

1. The plan comes first, so that a package that is cut off still says what it should have held.
2. A data point that fails, hangs or is not there is a line of the summary, and the next one begins.
3. Nothing is added beyond `most` bytes but what closes the package: summary, manifest, directory.
"""

import asyncio
import contextlib
import errno
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import cast

import msgspec

from commands.language.errors import FirelineError, NotUnderstood
from commands.language.host.package import DataPointRow
from commands.language.items import Into, Item, Note, Progress, Taken
from commands.language.names import Name, from_text, shown
from commands.language.visible import visible
from commands.language.zipped import DIGESTS, MANIFEST, PLAN, RESERVED, SIGNATURE, SUMMARY, Entry
from endpoint_shim.collecting import manifest, sshsig, tables, tools
from endpoint_shim.collecting.kept import Kept
from endpoint_shim.collecting.manifest import Clock, Manifest, Member
from endpoint_shim.collecting.member_names import MemberNames
from endpoint_shim.collecting.points import Made, Points
from endpoint_shim.collecting.recipes import Point, Recipes
from endpoint_shim.collecting.side import Missed, Side
from endpoint_shim.collecting.spool import Spool
from endpoint_shim.collecting.writer import Writer
from endpoint_shim.policy import Policy

CLOSING = 16 * 1024 * 1024
"""Kept free for what closes the package."""
QUIET = ("done", "empty", "not here", "link", "not a file")
"""States that need no sentence beside the rows."""
LONGEST_ERROR = 4000


class PackageMaker:
    """One package."""

    def __init__(
        self,
        policy: Policy,
        key: Path,
        folder: Path,
        side: Side,
        recipes: Recipes,
        clock: Clock,
    ) -> None:
        self._device, self._key, self._folder = policy.device, key, folder
        self._side, self._recipes = side, recipes
        self._points = Points(side, folder, policy.check_word)
        self._records, self._lines, members, sums = (Kept(folder) for _ in range(4))
        self._manifest = Manifest(
            policy.device, clock, dict(side.facts()), recipes.read, members, sums
        )
        self._records.add(tables.record(tables.titles(DataPointRow)))

    async def collected(self, only: Sequence[str], most: int) -> AsyncIterator[Item]:
        with contextlib.ExitStack() as kept:
            for one in (self._records, self._lines, self._manifest.members, self._manifest.sums):
                kept.callback(one.close)
            async for item in self._collected(only, most):
                yield item

    async def _collected(self, only: Sequence[str], most: int) -> AsyncIterator[Item]:
        points = self._chosen(only)
        zipped = Writer(MemberNames(RESERVED), most - CLOSING)
        began = manifest.in_name(self._manifest.clock.began_ms)
        yield Into("file", from_text(f"{self._device}-{began}.zip"))
        async for piece in self._own(zipped, PLAN, [_plan(points)]):
            yield piece
        for name, why in self._recipes.unusable.items():
            for item in self._told(_row("", name, "failed", why)):
                yield item
        for number, point in enumerate(points, 1):
            yield Progress(number - 1, len(points), point.shown)
            async for item in self._point(zipped, number, point):
                yield item
        yield Progress(len(points), len(points), "manifest")
        async for piece in self._closed(zipped):
            yield piece
        yield Taken(zipped.at, zipped.sha256)

    def _chosen(self, only: Sequence[str]) -> list[Point]:
        points = [p for p in self._recipes.points if not p.since or self._side.fits(p.since)]
        if not only:
            return points
        known = {point.folder.lower(): point.folder for point in points}
        for folder in only:
            if folder.lower() not in known:
                raise NotUnderstood(
                    f"collect -only {shown(Name(folder))}: the package has no such folder; it has "
                    f"{', '.join(known.values())}"
                )
        wanted = {folder.lower() for folder in only}
        return [point for point in points if point.folder.lower() in wanted]

    async def _point(self, zipped: Writer, number: int, point: Point) -> AsyncIterator[Item]:
        """One data point: its members, and a row for each."""
        gave = False
        try:
            files = cast("AsyncGenerator[Made, None]", self._points.of(point))
            async with aclosing(files):
                async for made in files:
                    gave = True
                    members = self._member(zipped, number, point, made)
                    async with aclosing(cast("AsyncGenerator[Item, None]", members)) as items:
                        async for item in items:
                            yield item
            if not gave:
                raise Missed("empty", "nothing is there")
        except (FirelineError, OSError) as error:
            row = _row(point.folder, point.file or point.into, "", command=point.what)
            for item in self._told(self._failed(row, error)):
                yield item

    async def _member(
        self, zipped: Writer, number: int, point: Point, made: Made
    ) -> AsyncIterator[Item]:
        row = _row(point.folder, "/".join(made.name), "done")
        row.source = made.source
        now = self._manifest.clock.began_ms // 1000
        entry = Entry("", number, modified=now if made.modified is None else made.modified)
        with Spool(self._folder) as spool:
            parts = (*point.folder.split("/"), *made.name)
            pieces = zipped.member(entry, parts, spool, made.pieces)
            try:
                async with aclosing(cast("AsyncGenerator[bytes, None]", pieces)):
                    async for piece in pieces:
                        yield piece
            except (FirelineError, OSError) as error:
                row = self._failed(row, error)
            row.command = made.command
            if entry.name:
                row.bytes, row.sha256 = spool.size, spool.sha256
                self._manifest.add(
                    Member(entry, spool.sha256, made.command, row.status, made.source, made.page)
                )
        made.last = zipped.full and not entry.name
        made.outcome = row.error or f"{row.status}, {spool.size:,} bytes"
        for item in self._told(row):
            yield item

    def _failed(self, row: DataPointRow, error: FirelineError | OSError) -> DataPointRow:
        """The row with what became of its data point."""
        row.error = " ".join(str(error).split())[:LONGEST_ERROR]
        if isinstance(error, Missed):
            row.status, row.error_code = error.state, error.number
        elif isinstance(error, OSError):
            number = getattr(error, "winerror", None) or error.errno
            row.status, row.error_code = "failed", str(number)
            row.error = error.strerror or str(error)
        elif isinstance(error, self._side.absent):
            row.status, row.error_code = "not here", str(errno.ENOENT)
        else:
            row.status, row.error_code = error.word, error.code
        return row

    def _told(self, row: DataPointRow) -> Iterator[Item]:
        self._records.add(tables.record(tables.cells(row)))
        self._lines.add(tables.exact(row))
        yield row
        if row.status not in QUIET:
            where = "/".join(part for part in (row.folder, shown(row.file)) if part)
            yield Note(f"{where}: {row.status}: {row.error}"[:LONGEST_ERROR])

    async def _closed(self, zipped: Writer) -> AsyncIterator[bytes]:
        """Summary, manifest, signature, directory."""
        self._manifest.tools = await tools.told(
            self._side, self._points.programs, self._recipes.versions
        )
        for name, pieces in (
            (f"{SUMMARY}.csv", self._records.lines()),
            (f"{SUMMARY}.xls", self._sheet()),
            (MANIFEST, self._manifest.json(self._lines)),
        ):
            async for piece in self._own(zipped, name, pieces):
                yield piece
        digests = self._manifest.digests()
        signature = await asyncio.to_thread(sshsig.sign, self._key, digests)
        for name, data in ((DIGESTS, digests), (SIGNATURE, signature)):
            async for piece in self._own(zipped, name, [data]):
                yield piece
        for piece in zipped.end():
            yield piece

    def _sheet(self) -> Iterator[bytes]:
        rows = (msgspec.json.decode(line, type=DataPointRow) for line in self._lines.lines())
        lines = itertools.chain([tables.titles(DataPointRow)], map(tables.cells, rows))
        yield tables.spreadsheet(SUMMARY, lines)

    async def _own(
        self, zipped: Writer, name: str, pieces: Iterable[bytes]
    ) -> AsyncIterator[bytes]:
        """A member of the package's own; its bytes are made and packed in a thread."""
        entry = Entry(name, 0, modified=self._manifest.clock.began_ms // 1000)
        with Spool(self._folder) as spool:
            await asyncio.to_thread(spool.fill, pieces)
            for piece in zipped.whole(entry, spool):
                yield piece
        self._manifest.add(Member(entry, spool.sha256, "the package's own", "done"))


def _plan(points: Sequence[Point]) -> bytes:
    """What the package is to hold, a line for each data point."""
    lines = (
        f"{number}\t{visible(one.shown)}\t{visible(one.what)}\r\n"
        for number, one in enumerate(points, 1)
    )
    return "".join(lines).encode()


def _row(folder: str, file: str, status: str, error: str = "", command: str = "") -> DataPointRow:
    row = DataPointRow(folder=folder, file=from_text(file), status=status)
    row.error, row.command = error[:LONGEST_ERROR], command
    return row
