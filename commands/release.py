"""`release`: the device's isolation ends."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from commands.language import actions
from commands.language.command import ADVANCED, HIDDEN, Command, DeskCommand
from commands.language.desk import Desk
from commands.language.errors import NeedsAnswer
from commands.language.items import Item


class Release(DeskCommand, role=ADVANCED, group="change", changes=True, queued=True, limit=None):
    """End the device's isolation, without a trace of it in the device's own rules.

    It is what the device is to be from now on: an isolation that arrives late does not undo it.
    """

    device: Annotated[str, HIDDEN] = ""

    async def prepare(self, desk: Desk) -> Command:
        return msgspec.structs.replace(self, device=actions.device_of(self, self.device, desk))

    async def question(self, desk: Desk) -> NeedsAnswer | None:
        scope, by_another = desk.actions.contained(self.device)
        if not desk.asks or scope == "none" or not by_another:
            return None
        return NeedsAnswer(
            f"release on {self.device}: another person isolated it",
            "-yes answers it",
            expects=self.device,
        )

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for item in desk.actions.carry_out(self):
            yield item
