"""`status`: a command's kept result, without asking the device again."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Item


class Status(DeskCommand, role=ANY, group="here", text=True, kept=False):
    """Show the result of a command of this session, while it runs too."""

    number: Annotated[int, "the command's number, as #12 shows it"]

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for item in desk.jobs.result(self.number):
            yield item
