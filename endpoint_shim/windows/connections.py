"""The socket list of a Windows device: TCP and UDP, IPv4 and IPv6, each with its process."""

import socket
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import aclosing

import psutil

from commands.language.host.connections import ConnectionRow
from commands.language.names import from_text
from endpoint_shim.batches import in_batches
from endpoint_shim.windows.processes import snapshot

assert sys.platform == "win32"


class WindowsConnections:
    """One reading of the kernel's four tables."""

    async def list(self) -> AsyncIterator[ConnectionRow | str]:
        async with aclosing(in_batches(_rows())) as rows:
            async for row in rows:
                yield row


def _rows() -> Generator[ConnectionRow, None, None]:
    # Names after the sockets: a process that ended in between has none.
    found = psutil.net_connections("inet")
    names = {one.pid: from_text(one.name) for one in snapshot()}
    for one in found:
        tcp = one.type == socket.SOCK_STREAM
        yield ConnectionRow(
            process=None if one.pid is None else names.get(one.pid),
            pid=one.pid,
            protocol=("tcp" if tcp else "udp") + ("6" if one.family == socket.AF_INET6 else ""),
            local_ip=one.laddr[0] if one.laddr else "",
            local_port=one.laddr[1] if one.laddr else 0,
            remote_ip=one.raddr[0] if one.raddr else None,
            remote_port=one.raddr[1] if one.raddr else None,
            status=one.status.lower() if tcp else "",
        )
