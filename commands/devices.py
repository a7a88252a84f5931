"""`devices`: the inventory."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import ANY, NAMED, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.devices import DeviceRow
from commands.language.items import Item, Note


class Devices(DeskCommand, role=ANY, group="broker", rows=DeviceRow):
    """List the devices that you may see, or those of them that a selector means.

    A selector is a name, a glob (web-*), tag:NAME, platform:linux, group:NAME (what a rule gives to
    that group of people), isolated, restricted or all; several by commas; ! takes some out:
    tag:web,!web-03.
    """

    selector: Annotated[str | None, "which of them"] = None
    tag: Annotated[str | None, "only those with this tag", NAMED] = None
    online: Annotated[bool, "only those that are online"] = False
    isolated: Annotated[bool, "only those that are isolated"] = False
    restricted: Annotated[bool, "only those that are restricted"] = False

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        warnings = []
        async for row in desk.devices.rows(self.selector):
            if self._wanted(row):
                yield row
                if row.warning:
                    warnings.append(f"{row.name} {row.warning}")
        for warning in warnings:
            yield Note(warning)

    def _wanted(self, row: DeviceRow) -> bool:
        tags = [tag.casefold() for tag in row.tags.split()]
        return (
            (self.tag is None or self.tag.casefold() in tags)
            and (row.online or not self.online)
            and (row.isolated or not self.isolated)
            and (row.restricted or not self.restricted)
        )
