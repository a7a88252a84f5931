"""`connections`: the device's sockets."""

from collections.abc import AsyncIterator

from commands.language.command import BASIC, DeviceCommand
from commands.language.host import Host
from commands.language.host.connections import ConnectionRow
from commands.language.items import Item, Note


class Connections(DeviceCommand, role=BASIC, rows=ConnectionRow, aliases=("netstat",)):
    """List the device's network connections and listening sockets."""

    async def run(self, host: Host) -> AsyncIterator[Item]:
        async for found in host.connections.list():
            yield Note(found) if isinstance(found, str) else found
