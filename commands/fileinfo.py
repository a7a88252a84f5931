"""`fileinfo`: everything about one file."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, DeviceCommand, minutes
from commands.language.host import Host
from commands.language.host.files import FileFactsRow
from commands.language.items import Item
from commands.language.names import Name


class FileInfo(DeviceCommand, role=BASIC, rows=FileFactsRow, limit=minutes(30)):
    """Show a file's size, times, owner, permissions, digests and what its first bytes say it is.

    A link is described itself, with its target; devices, pipes and sockets are not read.
    """

    path: Annotated[Name, "file on the device"]

    async def run(self, host: Host) -> AsyncIterator[Item]:
        yield await host.files.facts(self.path)
