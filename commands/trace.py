"""`trace`: how each command went, step by step."""

from typing import Annotated, Literal

from commands.language.command import ANY, ConsoleCommand
from commands.language.desk.console import Console


class Trace(ConsoleCommand, role=ANY, group="here"):
    """Switch debug output on or off, for this connection.

    After each command it names the rule that let it run, and when its records were durable, its
    worker was ready, its first answer came and it ended, each in milliseconds after Enter.
    """

    switch: Annotated[Literal["on", "off"] | None, "without it, the other of the two"] = None

    async def run(self, console: Console) -> None:
        await console.trace(None if self.switch is None else self.switch == "on")
