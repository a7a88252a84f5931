"""`dir`: the entries of a folder."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from commands.language import names
from commands.language.command import BASIC, DeviceCommand
from commands.language.host import Host
from commands.language.host.files import FileRow
from commands.language.items import Item
from commands.language.names import Name


class Dir(DeviceCommand, role=BASIC, rows=FileRow, aliases=("ls",)):
    """List a folder, or show one file's row.

    Paths are whole unless -relative_path is given; links are shown, not followed.
    """

    path: Annotated[Name | None, "folder or file; without it the folder you are in"] = None
    full_path: Annotated[bool, "show whole paths (the default)"] = False
    relative_path: Annotated[bool, "show names as seen from the folder"] = False

    async def run(self, host: Host) -> AsyncIterator[Item]:
        async for row in host.files.list(self.path):
            if self.relative_path and not self.full_path:
                row = msgspec.structs.replace(row, path=names.last_part(row.path))
            yield row
