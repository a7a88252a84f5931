"""`history`: the lines you typed."""

from collections.abc import AsyncIterator

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Into, Item
from commands.language.visible import visible


class History(DeskCommand, role=ANY, group="here", text=True):
    """Show the lines you typed at a console, across sessions, newest last.

    Lines of an exec or of a script's standard input are not among them, nor those that begin with
    a blank; the journal has all.
    """

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        yield Into("text")
        for line in await desk.records.history():
            yield f"{visible(line)}\n".encode()
