"""`revoke`: takes a device's identity away."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import OPERATOR, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Item, Note


class Revoke(DeskCommand, role=OPERATOR, group="broker"):
    """Revoke a device's certificates and cut its lines at once."""

    name: Annotated[str, "the device"]

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        yield Note(await desk.devices.revoke(self.name))
