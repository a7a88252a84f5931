"""`findfile`: files by name, anywhere on the device."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, NAMED, DeviceCommand, minutes
from commands.language.host import Host
from commands.language.host.files import FileRow
from commands.language.items import Item, Note
from commands.language.names import Name


class FindFile(DeviceCommand, role=BASIC, rows=FileRow, limit=minutes(30)):
    """Find files and folders by name; rows come while it searches.

    * stands for any text, ? for one character, [ab] for one of them; [[] finds a bracket itself.
    On Windows in any case. Without -path all local file systems are searched; it says which
    others it left out. Links are shown, not followed; each folder is entered once.
    """

    name: Annotated[str, "name or glob, without folders"]
    path: Annotated[Name | None, "folder to start in", NAMED] = None

    async def run(self, host: Host) -> AsyncIterator[Item]:
        async for found in host.files.find(self.name, self.path):
            yield Note(found) if isinstance(found, str) else found
