"""`on`: one command line on a device, without opening its console."""

from typing import Annotated

from commands.language.command import ANY, LINE, ConsoleCommand
from commands.language.desk.console import Console


class On(ConsoleCommand, role=ANY, group="broker"):
    """Run one command line on a device and show its result."""

    device: Annotated[str, "the device's name"]
    line: Annotated[str, "the command line", LINE]

    async def run(self, console: Console) -> None:
        await console.run_on(self.device, self.line)
