"""`log`: what this session has done."""

from collections.abc import AsyncIterator

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.jobs import JobRow
from commands.language.items import Item


class Log(DeskCommand, role=ANY, group="here", rows=JobRow):
    """List every command of this session, in order, with what became of it."""

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for row in desk.jobs.log():
            yield row
