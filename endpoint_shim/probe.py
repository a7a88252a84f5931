"""Whether the broker is reached by a new connection, at one address, with the rules in force.

TLS with the pinned CA and the pinned name, this device's certificate, and the door's answer: an
address that gives all of it is the broker's, whoever named it.
"""

import asyncio
import contextlib
import socket

from commands.language import wire
from commands.language.enrolment import written_place
from commands.language.errors import Unreachable
from endpoint_shim import dial
from endpoint_shim.firewall import Address
from endpoint_shim.own_mark import connected

PROBE_S = 5.0


async def reach(way: dial.Way, place: str, address: Address, port: int) -> None:
    """Returns if it does; raises Unreachable with what was seen, by which way."""
    shown = written_place(str(address), port)
    try:
        async with asyncio.timeout(PROBE_S):
            one = await connected(address, port)
            framed = await dial.connect(way, place, dial.CONTROL, wire.MAX_CONTROL, over=one)
    except TimeoutError:
        raise Unreachable(f"{shown} gave no answer{_way_to(address)}") from None
    except OSError as error:
        raise Unreachable(f"{shown}: {dial.reason(error)}{_way_to(address)}") from None
    except Unreachable as error:
        raise Unreachable(f"{shown} is not the broker: {error}") from None
    framed.close()


async def through_proxy(way: dial.Way, place: str) -> None:
    """The same through the proxy, where one is set."""
    try:
        async with asyncio.timeout(PROBE_S):
            framed = await dial.connect(way, place, dial.CONTROL, wire.MAX_CONTROL)
    except TimeoutError:
        raise Unreachable(f"the proxy {way.proxy} gave no way to {place}") from None
    framed.close()


def _way_to(address: Address) -> str:
    """From which of this device's addresses, by which interface, packets go there."""
    import psutil

    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        try:
            one.connect((str(address), 9))  # of a datagram: sends nothing, and chooses the route
        except OSError as error:
            return f"; there is no way to it ({error.strerror})"
        near = str(one.getsockname()[0])
    with contextlib.suppress(OSError):
        for name, found in psutil.net_if_addrs().items():
            if near in {each.address.partition("%")[0] for each in found}:
                return f"; asked from {near} by {name}"
    return f"; asked from {near}"
