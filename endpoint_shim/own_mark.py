"""The mark on the shim's own sockets, by which the isolation's table knows them.

Windows has none and needs none: its filters know the shim's program.
"""

import socket
import sys

MARK = 0x000000F1
"""Only root, or who has CAP_NET_ADMIN, can set one; a bit that nobody's routing rules ask for."""


def mark(one: socket.socket) -> None:
    """Marks it; a shim that may not (not root) could not isolate the device either."""
    if sys.platform != "win32":
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        except PermissionError:
            return
