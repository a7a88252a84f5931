"""`connect`: opens a session on a device."""

from typing import Annotated

from commands.language.command import BASIC, ConsoleCommand
from commands.language.desk.console import Console


class Connect(ConsoleCommand, role=BASIC, group="broker"):
    """Open a session on a device."""

    name: Annotated[str, "the device"]

    async def run(self, console: Console) -> None:
        await console.connect(self.name)
