"""A name's addresses, asked by the guard itself: an isolated device's resolver may ask nobody.

The socket is marked as the shim's own (own_mark.py), and only the configured name servers are
asked: a resolver open to every program would be a tunnel.
"""

import asyncio
import contextlib
import secrets
import socket
import sys
from ipaddress import ip_address

from endpoint_shim import dns_message
from endpoint_shim.firewall import Address
from endpoint_shim.own_mark import marked

if sys.platform == "win32":
    from endpoint_shim.windows import resolvers
else:
    from endpoint_shim.linux import resolvers

PORT = 53
ASK_S = 2.0
LONGEST = 65_535
MAX_SERVERS, MAX_ADDRESSES = 6, 16


def servers() -> list[Address]:
    """The name servers that are asked."""
    return resolvers.servers()[:MAX_SERVERS]


async def addresses(name: str) -> list[Address]:
    """Those of a name: itself, the system's own list, else the first name server's answer."""
    with contextlib.suppress(ValueError):
        return [ip_address(name)]
    if known := resolvers.hosts(name):
        return known[:MAX_ADDRESSES]
    whole = [name] if "." in name else [f"{name}.{one}" for one in resolvers.suffixes()] + [name]
    for server in servers():
        for one in whole:
            if found := await _both(server, one):
                return found[:MAX_ADDRESSES]
    return []


async def _both(server: Address, name: str) -> list[Address]:
    four, six = await asyncio.gather(
        _ask(server, name, dns_message.A), _ask(server, name, dns_message.AAAA)
    )
    return [*four, *six]


async def _ask(server: Address, name: str, kind: int) -> list[Address]:
    """An answer, or nothing where there is none in time: the next server may know."""
    try:
        asked = dns_message.question(secrets.randbelow(65_536), name, kind)
        async with asyncio.timeout(ASK_S):
            try:
                return await _by_datagram(server, asked)
            except dns_message.Cut:
                return await _by_stream(server, asked)
    except (OSError, TimeoutError, UnicodeError, dns_message.Unusable):
        return []


async def _by_datagram(server: Address, asked: bytes) -> list[Address]:
    loop = asyncio.get_running_loop()
    with marked(server, socket.SOCK_DGRAM) as one:
        await loop.sock_connect(one, (str(server), PORT))
        await loop.sock_sendall(one, asked)
        while True:
            answer = await loop.sock_recv(one, LONGEST)
            # Another's guess is passed over; the real answer may still come.
            with contextlib.suppress(dns_message.Unusable):
                try:
                    return dns_message.addresses(asked, answer)
                except dns_message.Cut:
                    break
    raise dns_message.Cut


async def _by_stream(server: Address, asked: bytes) -> list[Address]:
    loop = asyncio.get_running_loop()
    with marked(server) as one:
        await loop.sock_connect(one, (str(server), PORT))
        await loop.sock_sendall(one, len(asked).to_bytes(2, "big") + asked)
        size = int.from_bytes(await _exactly(one, 2), "big")
        return dns_message.addresses(asked, await _exactly(one, size))


async def _exactly(one: socket.socket, size: int) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < size:
        piece = await loop.sock_recv(one, size - len(data))
        if not piece:
            raise dns_message.Unusable("an answer that ends too early")
        data += piece
    return data
