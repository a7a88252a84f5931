"""`sessions`: what was done, by whom, where."""

from collections.abc import AsyncIterator

from commands.language.command import AUDITOR, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.records import SessionRow
from commands.language.items import Item


class Sessions(DeskCommand, role=AUDITOR, group="broker", rows=SessionRow):
    """List the sessions of all people, newest first, damaged ones named."""

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for row in desk.records.sessions():
            yield row
