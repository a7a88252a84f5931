"""`devices release-token`: a way back for an isolated device that cannot be reached."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import NAMED, OPERATOR, DeskCommand
from commands.language.desk import Desk
from commands.language.errors import NotUnderstood
from commands.language.items import Into, Item, Note
from commands.language.release_token import MAX_HOURS


class ReleaseToken(
    DeskCommand,
    role=OPERATOR,
    group="broker",
    aliases=("devices release-token",),
    text=True,
    secret=True,
):
    """Make a token that ends one device's isolation on the device itself, once.

    For a device that is isolated and cannot be reached: it needs no network. It is shown this one
    time, alone on standard output. On the device, as root: fireline-endpoint release --token reads
    it from a file or standard input.
    """

    name: Annotated[str, "the device"]
    hours: Annotated[float, "until it expires", NAMED] = 24.0

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if not 0 < self.hours <= MAX_HOURS:
            raise NotUnderstood(f"devices release-token takes -hours above 0, at most {MAX_HOURS}")
        made = await desk.devices.release_token(self.name, self.hours)
        yield Into("text")
        yield f"{made.text}\n".encode()
        yield Note(
            f"it ends the isolation of {made.names}, once, until {made.expires}; next, on the "
            "device: fireline-endpoint release --token FILE that holds it"
        )
