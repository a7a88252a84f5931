"""`devices`: the inventory."""

from collections.abc import AsyncIterator

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.devices import DeviceRow
from commands.language.items import Item


class Devices(DeskCommand, role=ANY, group="broker", rows=DeviceRow):
    """List the devices that you may see."""

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for row in desk.devices.rows():
            yield row
