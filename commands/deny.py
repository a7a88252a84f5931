"""`deny`: a second person's no."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, NAMED, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Item, Note


class Deny(DeskCommand, role=BASIC, right="approve", group="broker"):
    """Refuse an action that a rule wants a second person for.

    Needs the right `approve: allow` on its device. Unanswered it ends by itself after 7 days.
    """

    id: Annotated[str, "the action, such as A318"]
    reason: Annotated[str, "why, for who asked", NAMED] = ""

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        yield Note(await desk.actions.deny(self.id, self.reason))
