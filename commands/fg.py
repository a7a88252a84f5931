"""`fg`: brings a command that runs behind to the front."""

from typing import Annotated

from commands.language.command import ANY, ConsoleCommand
from commands.language.desk.console import Console


class Fg(ConsoleCommand, role=ANY, group="here"):
    """Bring a command of this session to the front, or go back into its terminal."""

    number: Annotated[int, "the command's number"]

    async def run(self, console: Console) -> None:
        await console.foreground(self.number)
