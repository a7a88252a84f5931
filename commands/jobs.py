"""`jobs`: what still runs behind."""

from collections.abc import AsyncIterator

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.jobs import JobRow
from commands.language.items import Item


class Jobs(DeskCommand, role=ANY, group="here", rows=JobRow):
    """List the commands of this session that still run."""

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for row in desk.jobs.rows():
            yield row
