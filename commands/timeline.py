"""`timeline`: what happened on and to a device."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language import actions
from commands.language.command import ANY, NAMED, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.actions import TimelineRow
from commands.language.items import Item


class Timeline(DeskCommand, role=ANY, group="broker", rows=TimelineRow, limit=None):
    """Show a device's sessions, commands, actions, detections and policy refusals in one list.

    Oldest first, in the order in which this broker recorded them.
    """

    device: Annotated[str, "the device's name"]
    since: Annotated[str | None, "only of the last 10m, 2h or 3d", NAMED] = None

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        seconds = actions.seconds(self.since)
        hours = None if seconds is None else seconds / 3600
        async for row in desk.actions.timeline(self.device, hours):
            yield row
