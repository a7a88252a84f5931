"""`cancel`: stops a command on the device, or takes an action back."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.items import Item, Note

_NUMBER = re.compile(r"#?[0-9]{1,15}", re.ASCII)


class Cancel(DeskCommand, role=ANY, group="here"):
    """Stop a command of this session on the device, and say what became of it.

    cancel A318 takes an action back while it waits, or has its device stop it.
    """

    number: Annotated[str, "the command's number, or an action such as A318"]

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if _NUMBER.fullmatch(self.number):
            yield Note(await desk.jobs.cancel(int(self.number.removeprefix("#"))))
        else:
            yield Note(await desk.actions.cancel(self.number))
