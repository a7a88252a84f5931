"""`cancel`: stops a command on the device."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Item, Note


class Cancel(DeskCommand, role=ANY, group="here"):
    """Stop a command of this session on the device, and say what became of it."""

    number: Annotated[int, "the command's number"]

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        yield Note(await desk.jobs.cancel(self.number))
