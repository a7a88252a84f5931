"""A name server that says what the test says: real datagrams, one name."""

import asyncio
import socket
import struct
from typing import cast


class NameServer(asyncio.DatagramProtocol):
    """Answers A with `address` (IPv4) and everything else with nothing; counts the questions."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[tuple[bytes, str]] = []
        self._transport: asyncio.DatagramTransport | None = None

    async def listen(self, at: socket.socket) -> None:
        at.setblocking(False)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=at)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        assert self._transport is not None
        end = data.index(b"\0", 12) + 5
        question = data[12:end]
        self.asked.append((question, address[0]))
        known = question[-4:-2] == b"\0\1"
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, int(known), 0, 0)
        record = struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(self.address)
        self._transport.sendto(head + question + (record if known else b""), address)
