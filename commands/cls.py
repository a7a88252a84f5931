"""`cls`: clears the screen."""

from commands.language.command import ANY, ConsoleCommand
from commands.language.desk.console import Console


class Cls(ConsoleCommand, role=ANY, group="here"):
    """Clear the screen."""

    async def run(self, console: Console) -> None:
        await console.clear()
