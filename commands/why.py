"""`why`: the rule that decides."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Into, Item


class Why(DeskCommand, role=ANY, group="broker", text=True):
    """Say which rule decides whether you may run a command on a device, and why."""

    command: Annotated[str, "the command's word"]
    device: Annotated[str | None, "the device; without it the one you are on"] = None

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        yield Into("text")
        for line in await desk.rules.explain(self.command, self.device or desk.device):
            yield f"{line}\n".encode()
