"""`attach`: goes back into a session that was left open."""

from typing import Annotated

from commands.language.command import ANY, ConsoleCommand
from commands.language.desk.console import Console


class Attach(ConsoleCommand, role=ANY, group="here"):
    """Go back into a session of yours that was left open, from whatever connection holds it."""

    session: Annotated[str, "the session, as the first screen names it"]

    async def run(self, console: Console) -> None:
        await console.attach(self.session)
