"""`approve`: a second person's yes."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Item, Note


class Approve(DeskCommand, role=BASIC, right="approve", group="broker"):
    """Let an action begin that a rule wants a second person for; never one's own.

    Needs the right `approve: allow` on its device. The yes is bound to exactly what was asked;
    -digest says which, as actions show has it. Its -comment stays with the action.
    """

    id: Annotated[str, "the action, such as A318"]

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        yield Note(await desk.actions.approve(self.id, desk.digest))
