"""`detach`: leave the session open."""

from commands.language.command import ANY, ConsoleCommand
from commands.language.desk.console import Console


class Detach(ConsoleCommand, role=ANY, group="here"):
    """Leave the session open with its jobs; attach goes back."""

    async def run(self, console: Console) -> None:
        await console.detach()
