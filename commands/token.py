"""`token`: lets one new device enrol. The token is all of its output; it is kept nowhere."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from commands.language.command import NAMED, OPERATOR, DeskCommand
from commands.language.desk import Desk
from commands.language.errors import NotUnderstood
from commands.language.items import Into, Item, Note


class Token(DeskCommand, role=OPERATOR, group="broker", text=True, secret=True):
    """Make a token with which one device enrols, once.

    It is shown this one time, alone on standard output. On the device: fireline-endpoint enroll
    reads it from a file or standard input.
    """

    action: Annotated[Literal["new"], "what to do"]
    names: Annotated[str, "glob that the device's name must match", NAMED] = "*"
    tags: Annotated[str, "tags the device gets, by commas", NAMED] = ""
    hours: Annotated[float, "until it expires", NAMED] = 24.0

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if not 0 < self.hours <= 24 * 30:
            raise NotUnderstood("token new takes -hours above 0, at most 720")
        tags = [tag.strip() for tag in self.tags.split(",") if tag.strip()]
        made = await desk.devices.new_token(self.names, tags, self.hours)
        named = "" if made.names == "*" else f" called {made.names}"
        yield Into("text")
        yield f"{made.text}\n".encode()
        yield Note(
            f"it enrols one device{named}, once, until {made.expires}; "
            "next, on the device: fireline-endpoint enroll < FILE that holds it"
        )
