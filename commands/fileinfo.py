"""`fileinfo`: everything about one file."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from commands.language.command import BASIC, HIDDEN, Command, DeviceCommand, minutes
from commands.language.desk import Desk
from commands.language.errors import FirelineError, Refused
from commands.language.host import Host
from commands.language.host.files import FileFactsRow
from commands.language.items import Item
from commands.language.names import Name, shown


class FileInfo(DeviceCommand, role=BASIC, rows=FileFactsRow, limit=minutes(30)):
    """Show a file's size, times, owner, permissions, digests and what its first bytes say it is.

    A link is described itself, with its target; devices, pipes and sockets are not read. A file
    over the broker's limit (fileinfo_bytes) is refused: its digests would need all of it.
    """

    path: Annotated[Name, "file on the device"]
    most: Annotated[int | None, HIDDEN] = None

    async def prepare(self, desk: Desk) -> Command:
        return msgspec.structs.replace(self, most=desk.own.limit("fileinfo_bytes"))

    async def run(self, host: Host) -> AsyncIterator[Item]:
        size = await _size(host, self.path)
        if self.most is not None and size > self.most:
            raise Refused(
                f"{shown(self.path)} is {size:,} bytes, fileinfo reads at most {self.most:,}; "
                "dir shows its size and times"
            )
        yield await host.files.facts(self.path)


async def _size(host: Host, path: Name) -> int:
    """A plain file's size; nought for what is none, which `facts` describes unread."""
    try:
        handle = await host.files.open(path)
    except FirelineError:
        return 0
    try:
        return handle.size if handle.sized else 0
    finally:
        await handle.close()
