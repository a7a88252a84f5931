"""`processes`: what runs on the device."""

from collections.abc import AsyncIterator
from typing import Annotated

from commands.language.command import BASIC, DeviceCommand
from commands.language.host import Host
from commands.language.host.processes import ProcessRow
from commands.language.items import Item
from commands.language.names import shown


class Processes(DeviceCommand, role=BASIC, rows=ProcessRow, aliases=("process", "ps")):
    """List the device's processes.

    The command line is the process's own claim; path is the program that really runs.
    """

    pid: Annotated[int | None, "only the process of this number"] = None
    name: Annotated[str | None, "only processes of this name, whatever the case"] = None

    async def run(self, host: Host) -> AsyncIterator[Item]:
        async for row in host.processes.list():
            if self.pid is not None and row.pid != self.pid:
                continue
            if self.name is not None and not _named(row, self.name.lower()):
                continue
            yield row


def _named(row: ProcessRow, wanted: str) -> bool:
    name = shown(row.name).lower()
    return wanted in (name, name.removesuffix(".exe"))
