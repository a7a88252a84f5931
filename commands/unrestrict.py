"""`unrestrict`: every program may start on the device again."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from commands.language import actions
from commands.language.command import ADVANCED, HIDDEN, Command, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Item


class Unrestrict(DeskCommand, role=ADVANCED, group="change", changes=True, queued=True, limit=None):
    """End the device's restriction: every program may start again."""

    device: Annotated[str, HIDDEN] = ""

    async def prepare(self, desk: Desk) -> Command:
        return msgspec.structs.replace(self, device=actions.device_of(self, self.device, desk))

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for item in desk.actions.carry_out(self):
            yield item
