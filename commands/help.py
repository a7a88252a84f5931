"""`help`: the words, as they stand for you here."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Into, Item


class Help(DeskCommand, role=ANY, group="here", text=True):
    """Show what can be typed here, how one word is typed, or what a library script does."""

    command: Annotated[str | None, "the word or library script to explain, or keys"] = None

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        yield Into("text")
        for line in await desk.rules.help(self.command):
            yield f"{line}\n".encode()
