"""`cd`: the folder that relative paths are seen from."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, DeviceCommand
from commands.language.host import Host
from commands.language.items import Folder, Item
from commands.language.names import Name


class Cd(DeviceCommand, role=BASIC, group="here", yields=(Folder,)):
    """Go to a folder of the device, or without one stay and show where you are."""

    path: Annotated[Name | None, "folder to go to"] = None

    async def run(self, host: Host) -> AsyncIterator[Item]:
        if self.path is None:
            yield Folder(await host.files.absolute(None))
        else:
            yield Folder(await host.files.enter(self.path))
