"""`library`: the scripts and tools that responders run."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from commands.language.command import ADVANCED, NAMED, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.library import LibraryRow
from commands.language.errors import NotUnderstood
from commands.language.items import Item, Note
from commands.language.visible import visible


class Library(DeskCommand, role=ADVANCED, group="broker", rows=LibraryRow, limit=None):
    """List the library, add a file to it, or delete one from it.

    Adding and deleting need the right `library: write`. The bytes come on standard input:
    ssh … 'library add triage.sh' < triage.sh
    The same bytes again make no new version; the description stays until another one is given.
    """

    action: Annotated[Literal["list", "add", "delete"], "what to do"] = "list"
    name: Annotated[str | None, "the file's name"] = None
    description: Annotated[str, "what it does, for add", NAMED] = ""

    def has_rows(self) -> bool:
        return self.action != "delete"

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if self.action == "list":
            async for row in desk.library.rows():
                if self.name is None or row.name.lower() == self.name.lower():
                    yield row
            return
        if not self.name:
            raise NotUnderstood(f"library {self.action} needs NAME")
        if self.action == "add":
            added, noticed = await desk.library.add(self.name, self.description)
            yield added
            for note in noticed:
                yield Note(note)
            return
        versions = await desk.library.delete(self.name)
        count = "1 version" if versions == 1 else f"{versions} versions"
        yield Note(f"{visible(self.name)} deleted, {count}; records keep their digests")
