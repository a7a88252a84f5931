"""`exit`: leaves the session, or Fireline."""

from commands.language.command import ANY, ConsoleCommand
from commands.language.desk.console import Console


class Exit(ConsoleCommand, role=ANY, group="here"):
    """End the session and go back to fireline> if you came from there; else leave Fireline."""

    async def run(self, console: Console) -> None:
        await console.leave()
