"""`token`: lets one new device enrol."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from commands.language.command import NAMED, OPERATOR, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.devices import TokenRow
from commands.language.errors import NotUnderstood
from commands.language.items import Item


class Token(DeskCommand, role=OPERATOR, group="broker", rows=TokenRow):
    """Make a token with which one device enrols, once.

    It is shown this one time. On the device: fireline-endpoint enroll reads it from a file or
    standard input.
    """

    action: Annotated[Literal["new"], "what to do"] = "new"
    names: Annotated[str, "glob that the device's name must match", NAMED] = "*"
    tags: Annotated[str, "tags the device gets, by commas", NAMED] = ""
    hours: Annotated[float, "until it expires", NAMED] = 24.0

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if not 0 < self.hours <= 24 * 30:
            raise NotUnderstood("token new takes -hours above 0, at most 720")
        tags = [tag.strip() for tag in self.tags.split(",") if tag.strip()]
        yield await desk.devices.new_token(self.names, tags, self.hours)
