"""`library`: the scripts and tools that responders run."""

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from commands.language.command import ADVANCED, NAMED, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.library import LibraryLogRow, LibraryRow, Script
from commands.language.errors import NotUnderstood
from commands.language.items import Into, Item, Note, Row
from commands.language.names import Name
from commands.language.visible import visible

MOST_SHOWN = 1 << 20


class Library(DeskCommand, role=ADVANCED, group="broker", rows=LibraryRow, limit=None):
    """List the library, look at a file of it and its history, add one, or delete one.

    Adding and deleting need the right `library: write`. The bytes come on standard input:
    ssh … 'library add triage.sh' < triage.sh

    library show NAME, or NAME@VERSION, shows the file as text; library log all that happened, with
    who, when, and how often each version was run.

    The same bytes again make no new version; the description stays until another one is given.
    """

    action: Annotated[Literal["list", "show", "log", "add", "delete"], "what to do"] = "list"
    name: Annotated[str | None, "the file's name"] = None
    description: Annotated[str, "what it does, for add", NAMED] = ""

    def has_rows(self) -> bool:
        return self.action not in ("delete", "show")

    def row_type(self) -> type[Row] | None:
        return LibraryLogRow if self.action == "log" else LibraryRow

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if self.action == "list":
            async for row in desk.library.rows():
                if self.name is None or row.name.lower() == self.name.lower():
                    yield row
            return
        if self.action == "log":
            async for change in desk.library.log(self.name):
                yield change
            return
        if not self.name:
            raise NotUnderstood(f"library {self.action} needs NAME")
        if self.action == "show":
            script = await desk.library.resolve(self.name)
            async for item in _shown(desk, script):
                yield item
            return
        if self.action == "add":
            added, noticed = await desk.library.add(self.name, self.description)
            yield added
            for note in noticed:
                yield Note(note)
            return
        versions = await desk.library.delete(self.name)
        count = "1 version" if versions == 1 else f"{versions} versions"
        yield Note(f"{visible(self.name)} deleted, {count}; records keep their digests")


async def _shown(desk: Desk, script: Script) -> AsyncIterator[Item]:
    """A file's bytes, at most so many, and what it is."""
    yield Into("text", Name(script.name), size=script.size)
    left = MOST_SHOWN
    async with contextlib.aclosing(desk.library.read(script)) as pieces:
        async for piece in pieces:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                break
    cut = f"the first {MOST_SHOWN:,} of " if script.size > MOST_SHOWN else ""
    yield Note(
        f"{visible(script.name)}@{script.version}: {cut}{script.size:,} bytes, "
        f"by {script.added_by}, sha256 {script.sha256}"
    )
