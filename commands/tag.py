"""`tag`: the words by which devices are selected and rules apply."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec

from commands.language.command import ADVANCED, HIDDEN, Command, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.tags import TagCountRow, TagRow
from commands.language.errors import NotUnderstood
from commands.language.items import Item, Row


class Tag(DeskCommand, role=ADVANCED, group="change", rows=TagRow, of_device=True):
    """Add a tag to a device, take one away, or list those that it has.

    Tags are kept by the broker; the device need not be online. Rules and selectors (on tag:web …)
    find a tag whatever its case. Adding and removing need the right `tags: write`, and nobody
    changes his own rights by it. What a device proposes is listed as such, and counts for nothing.
    """

    device: Annotated[str, HIDDEN] = ""
    action: Annotated[Literal["list", "add", "remove"], "what to do"] = "list"
    name: Annotated[str | None, "the tag: letters, digits and . _ -"] = None

    def row_type(self) -> type[Row] | None:
        return TagRow if self.device or self.action != "list" else TagCountRow

    def alters(self) -> bool:
        return self.action != "list"

    async def prepare(self, desk: Desk) -> Command:
        device = self.device or desk.device or ""
        if self.action != "list":
            if not device:
                raise NotUnderstood(
                    f"tag {self.action} needs a device: on NAME tag {self.action} …"
                )
            if not self.name:
                raise NotUnderstood(f"tag {self.action} needs NAME")
        return msgspec.structs.replace(self, device=device)

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if self.action == "list":
            async for row in desk.tags.rows(self.device):
                if self.name is None or row.tag.casefold() == self.name.casefold():
                    yield row
            return
        change = desk.tags.add if self.action == "add" else desk.tags.remove
        yield await change(self.device, self.name or "")
