"""`disconnect`: ends the session."""

from commands.language.command import ANY, ConsoleCommand
from commands.language.desk.console import Console


class Disconnect(ConsoleCommand, role=ANY, group="here"):
    """End the session and go back to fireline>."""

    async def run(self, console: Console) -> None:
        await console.disconnect()
