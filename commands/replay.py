"""`replay`: plays a session's recording."""

from typing import Annotated, Literal

from commands.language.command import AUDITOR, NAMED, ConsoleCommand
from commands.language.desk.console import Console


class Replay(ConsoleCommand, role=AUDITOR, group="broker"):
    """Play a session's recording in this terminal, or write it as an asciicast.

    Keys: space stops and goes on, [ ] jump by command, , . by ten seconds, + - speed, q ends.
    """

    session: Annotated[str, "session, as `sessions` lists it; S12@08:22 starts at that time"]
    speed: Annotated[float, "times as fast", NAMED] = 1.0
    idle: Annotated[float | None, "longest pause in seconds", NAMED] = None
    output: Annotated[Literal["cast"] | None, "an asciicast v2 on standard output", NAMED] = None
    raw: Annotated[bool, "let every escape sequence through, as the device sent it"] = False

    async def run(self, console: Console) -> None:
        await console.replay(
            self.session, speed=self.speed, idle=self.idle, output=self.output, raw=self.raw
        )
