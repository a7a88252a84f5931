"""Where the broker (or the proxy before it) is reached while this device is isolated.

An isolated device's programs cannot ask for names, the shim's own among them: the guard asks, and
leaves here what it found and proved. Without the file names are asked for as ever.
"""

import asyncio
import socket
from ipaddress import ip_address
from pathlib import Path

import msgspec

from commands.language.enrolment import written_place
from endpoint_shim import durable, own_mark
from endpoint_shim.firewall import Address

NAME = "reach.json"
LONGEST = 65_536
EACH_S = 4.0
Way = tuple[Address, int]


def keep(state: Path, ways: dict[str, list[Way]]) -> None:
    """`host:port` and where it is, unless that stands there; nothing takes the file away."""
    if not ways:
        (state / NAME).unlink(missing_ok=True)
        return
    text = {place: [[str(one), port] for one, port in found] for place, found in ways.items()}
    data = msgspec.json.encode(text)
    if _kept(state) != data:
        durable.save(state / NAME, data)


def to(state: Path, host: str, port: int) -> list[Way]:
    """The ways to a host and port; empty where it is to be looked up as ever."""
    try:
        found = msgspec.json.decode(_kept(state), type=dict[str, list[tuple[str, int]]])
        return [(ip_address(one), at) for one, at in found.get(written_place(host, port), [])]
    except (OSError, ValueError, msgspec.DecodeError):
        return []


def _kept(state: Path) -> bytes:
    try:
        with (state / NAME).open("rb") as file:
            return file.read(LONGEST)
    except OSError:
        return b""


async def connected(ways: list[Way]) -> socket.socket:
    """The first that answers; raises the last one's OSError."""
    failed = OSError("no address is known")
    for address, port in ways:
        try:
            async with asyncio.timeout(EACH_S):
                return await own_mark.connected(address, port)
        except TimeoutError:
            failed = OSError(f"{address} does not answer")
        except OSError as error:
            failed = error
    raise failed
