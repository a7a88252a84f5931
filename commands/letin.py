"""`letin`: hands the session to who asks for it."""

from typing import Annotated

from commands.language.command import ANY, ConsoleCommand
from commands.language.desk.console import Console


class LetIn(ConsoleCommand, role=ANY, group="here"):
    """Hand this session over to who asks for it (attach SESSION -ask): from then on it is his.

    What runs goes on under his rights; you are back at the prompt and may watch.
    """

    person: Annotated[str, "who asks, as the notice names him"]
    no: Annotated[bool, "say no to him"] = False

    async def run(self, console: Console) -> None:
        await console.let_in(self.person, not self.no)
