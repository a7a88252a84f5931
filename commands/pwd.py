"""`pwd`: the folder you are in."""

from collections.abc import AsyncIterator

from commands.language.command import BASIC, DeskCommand
from commands.language.desk import Desk
from commands.language.errors import Refused
from commands.language.items import Into, Item


class Pwd(DeskCommand, role=BASIC, group="here", text=True):
    """Show the folder that relative paths are seen from."""

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if desk.device is None:
            raise Refused("no device here to have a folder on; connect NAME first")
        yield Into("text")
        yield f"{desk.folder}\n".encode()
