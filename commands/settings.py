"""`settings`: how the console looks and sounds for one person."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from commands.language.command import ANY, DeskCommand
from commands.language.desk import Desk
from commands.language.desk.person import SettingRow
from commands.language.errors import NotUnderstood
from commands.language.items import Item

Name = Literal["color", "zone", "page", "bell", "shell_key", "plain"]


class Settings(DeskCommand, role=ANY, group="here", rows=SettingRow):
    """Show your settings, or change one; the broker keeps them for you.

    settings zone Europe/Berlin shows times there; json and csv stay in UTC.

    settings plain on is for screen readers: lists for tables, nothing redrawn, plain ASCII.
    """

    name: Annotated[Name | None, "the setting"] = None
    value: Annotated[str | None, "its new value"] = None

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        if self.value is not None:
            if self.name is None:
                raise NotUnderstood("settings takes NAME VALUE")
            yield await desk.own.set(self.name, self.value)
            return
        for row in desk.own.settings():
            if self.name in (None, row.name):
                yield row
