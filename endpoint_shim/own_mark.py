"""The shim's own sockets, and the mark by which the isolation's table knows them.

Windows has none and needs none: its filters know the shim's program.
"""

import asyncio
import socket
import sys
from ipaddress import IPv4Address, IPv6Address

MARK = 0x000000F1
"""Root's sockets alone pass by it; a bit that nobody's routing rules ask for."""


def mark(one: socket.socket) -> None:
    """Marks it; a shim that may not (not root) could not isolate the device either."""
    if sys.platform != "win32":
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        except PermissionError:
            return


def marked(
    address: IPv4Address | IPv6Address, kind: socket.SocketKind = socket.SOCK_STREAM
) -> socket.socket:
    """A new one to go to that address, non-blocking."""
    one = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, kind)
    one.setblocking(False)
    mark(one)
    return one


async def connected(address: IPv4Address | IPv6Address, port: int) -> socket.socket:
    """A connection of the shim's own; the caller's time limit counts."""
    one = marked(address)
    try:
        await asyncio.get_running_loop().sock_connect(one, (str(address), port))
    except BaseException:
        one.close()
        raise
    return one
