"""What one data point gives: files whose bytes come as they are asked for."""

import asyncio
import codecs
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from commands.language.errors import FirelineError
from commands.language.host.programs import Program
from commands.language.names import Name, shown
from commands.language.visible import visible
from endpoint_shim.collecting import tables
from endpoint_shim.collecting.copies import Copies
from endpoint_shim.collecting.recipes import MOST, Point
from endpoint_shim.collecting.side import List, Missed, Side
from endpoint_shim.collecting.timely import timely

OUT = "{out}"
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SAID = 2000
"""So much of what a program says on its standard error is told."""
PIECE = 262_144
IN_MEMORY = 1 << 20


@dataclass
class Made:
    """One file that a data point gives."""

    name: tuple[str, ...]
    pieces: AsyncIterator[bytes]
    command: str
    source: Name | None = None
    modified: int | None = None
    page: str = "utf-8"
    outcome: str = ""
    """Filled in once its bytes have been taken."""
    last: bool = False
    """Filled in as well: the package takes no more, so there is no sense in looking for more."""


class Points:
    """Of one collection."""

    def __init__(self, side: Side, folder: Path, check_word: Callable[[str], None]) -> None:
        self._side, self._folder, self._check_word = side, folder, check_word
        self._copies = Copies(side)
        self.programs: dict[str, str] = {}
        """Name -> whole path of every program that was used."""

    async def of(self, point: Point) -> AsyncIterator[Made]:
        """The files of a data point, one after another; an error is the point's as a whole.

        What the device denies to a word of its own it denies to this one as well.
        """
        if word := "getfile" if point.copy else "registry" if point.registry else point.rows:
            self._check_word(word)
        if point.command:
            yield self._commands(point)
        elif point.copy:
            async for made in self._copied(point):
                yield made
        elif point.registry:
            for key in (key for pattern in point.registry for key in self._side.keys(pattern)):
                name = point.file or key.replace("\\", "_") + ".txt"
                yield Made((name,), self._key(point, key), key)
        elif point.rows:
            async for found in timely(self._side.list(point.rows), point.limit_s):
                for made in self._listed(point, found):
                    yield made
        else:
            yield Made((point.file,), _text(point.text), "text")

    # Commands.
    def _commands(self, point: Point) -> Made:
        made = Made((point.file,), _text(""), point.what)
        made.pieces = self._output(point, made)
        return made

    async def _output(self, point: Point, made: Made) -> AsyncIterator[bytes]:
        program, arguments = self._chosen([point.command, *point.instead])
        made.command = " ".join([program, *arguments])
        async for piece in self._ran(point, made, program, arguments):
            yield piece
        for words in point.also:
            program, arguments = self._chosen([words])
            async for piece in self._ran(point, made, program, arguments):
                yield piece

    def _chosen(self, ways: Sequence[Sequence[str]]) -> tuple[str, list[str]]:
        for name, *arguments in ways:
            if (program := self._side.program(name)) is not None:
                self.programs[name] = program
                return program, arguments
        names = " and no ".join(dict.fromkeys(words[0] for words in ways))
        raise Missed("not here", f"there is no {names} on this device")

    async def _ran(
        self, point: Point, made: Made, program: str, arguments: list[str]
    ) -> AsyncIterator[bytes]:
        """What a program writes on its standard output, then what it wrote into `{out}`."""
        out = self._folder / f"out-{os.urandom(8).hex()}"
        running = await self._side.start(program, [one.replace(OUT, str(out)) for one in arguments])
        try:
            async for piece in self._said(point, made, running):
                yield piece
            if any(OUT in one for one in arguments) and not out.exists():
                raise Missed("failed", f"{program} wrote no file")
            if out.exists():
                async for piece in _file(out, point.most or MOST):
                    yield piece
        finally:
            # What it started and left goes with it: the next data point begins with none of it.
            await asyncio.shield(running.kill())
            with contextlib.suppress(OSError):
                out.unlink()

    async def _said(self, point: Point, made: Made, running: Program) -> AsyncIterator[bytes]:
        taken, most, errors, page, mark = 0, point.most or MOST, b"", "utf-8", ""
        async for where, data in timely(running.output(), point.limit_s, whole=True):
            if where == "stderr":
                errors, page = (errors + data)[:SAID], running.page(where)
                continue
            if not taken:
                mark = _marked(data)
            made.page = mark or running.page(where)
            yield data[: most - taken]
            taken += len(data)
            if taken > most:
                raise Missed("cut", f"its first {most:,} bytes are taken, and no more")
        status = await running.wait()
        if status in point.success:
            return
        said = visible(" ".join(_read(errors, page).split()))
        if not taken and errors:
            made.page = page
            yield errors
        how = f"exit code {status}" if status >= 0 else f"signal {-status}"
        raise Missed("failed", f"{how}: {said}" if said else how, str(status))

    # Copies.
    async def _copied(self, point: Point) -> AsyncIterator[Made]:
        lines, anything = [], False
        for pattern in point.copy:
            any_of_it = False
            async with aclosing(self._copies.found(point, pattern)) as places:  # type: ignore[type-var]
                async for found in places:
                    any_of_it = anything = True
                    made = self._copy(point, found.path, found.missed)
                    made.modified = found.modified
                    yield made
                    lines.append(f"{shown(found.path)}: {made.outcome}")
                    if made.last:
                        break
            if not any_of_it:
                lines.append(f"{pattern}: {point.missing or 'nothing is there'}")
        if point.file:
            yield Made((point.file,), _text("".join(f"{line}\r\n" for line in lines)), point.what)
        elif not anything:
            raise Missed("empty", point.missing or "nothing is there")

    def _copy(self, point: Point, path: Name, missed: FirelineError | None) -> Made:
        name = self._side.parts(path)
        if point.into:
            name = [*(part for part in point.into.split("/") if part != "."), name[-1]]
        if point.named:
            name[-1] = point.named
        pieces = _failed(missed) if missed is not None else self._copies.pieces(point, path)
        return Made(tuple(name), pieces, f"copy of {shown(path)}", path)

    # The registry.
    async def _key(self, point: Point, key: str) -> AsyncIterator[bytes]:
        try:
            async for piece in timely(self._side.key(key), point.limit_s):
                yield piece
        except self._side.absent as error:
            if point.missing:
                yield f"{point.missing}\r\n".encode()
            raise Missed("not here", str(error), "2") from None

    # Lists.
    def _listed(self, point: Point, found: List) -> list[Made]:
        name, what = found.name or point.file, f"list of {point.rows}"
        if found.text is not None:
            return [Made((name,), self._lines(point, found.text), what, found.source)]
        kept = tempfile.SpooledTemporaryFile(IN_MEMORY, "w+b", dir=str(self._folder))  # noqa: SIM115
        exact = name.removesuffix(".csv") + ".json"
        return [
            Made((name,), self._rows(point, found, kept), what),
            Made((exact,), _kept(kept), f"{what}, exact values"),
        ]

    async def _lines(self, point: Point, lines: AsyncIterator[str]) -> AsyncIterator[bytes]:
        async for line in timely(lines, point.limit_s):
            yield f"{line}\r\n".encode("utf-8", "backslashreplace")

    async def _rows(self, point: Point, found: List, kept: IO[bytes]) -> AsyncIterator[bytes]:
        assert found.rows is not None and found.row is not None
        yield tables.record(tables.titles(found.row))
        async for row in timely(found.rows, point.limit_s):
            kept.write(tables.exact(row))
            yield tables.record(tables.cells(row))


def _marked(data: bytes) -> str:
    """The page that a byte-order mark tells; none without one."""
    return next((page for mark, page in MARKS.items() if data.startswith(mark)), "")


def _read(data: bytes, page: str) -> str:
    """Of a page that Python does not know, what is ASCII."""
    try:
        return data.decode(_marked(data) or page, "backslashreplace")
    except LookupError:
        return data.decode("ascii", "backslashreplace")


async def _text(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def _failed(error: FirelineError) -> AsyncIterator[bytes]:
    raise error
    yield b""


async def _kept(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


async def _file(path: Path, most: int) -> AsyncIterator[bytes]:
    """What a program wrote into the session's folder."""
    taken = 0
    with await asyncio.to_thread(open, path, "rb") as file:
        while piece := await asyncio.to_thread(file.read, min(PIECE, most - taken)):
            taken += len(piece)
            yield piece
        if await asyncio.to_thread(file.read, 1):
            raise Missed("cut", f"its first {most:,} bytes are taken, and no more")
