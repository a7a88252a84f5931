"""The far ends of tunnels that packets to the broker go through: without them the tunnel dies.

1. What a tunnel itself is set up with: WireGuard, GRE, IPIP, SIT, VXLAN and their like.
2. Of a program's own tunnel (tun, tap): where that program's connected sockets lead, and where to
   it sends from UDP sockets that are not connected (OpenVPN's are not): the isolation's table has
   recorded it. That stays so while the same program has the same port.
3. Whatever goes into the tunnel is judged before it is wrapped: only the broker is behind it.
"""

import contextlib
import os
import socket
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from commands.language.errors import Failed
from endpoint_shim.linux import isolation_table, nft, tools

LIMIT_S = 3.0
DEEP = 3
"""A tunnel in a tunnel in a tunnel."""
PLACES = {"ip": ("/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"), "wg": ("/usr/bin/wg", "/usr/sbin/wg")}
MOST_SENDS = 16
Address = IPv4Address | IPv6Address


class Sender(NamedTuple):
    """A program's UDP socket that is connected to nobody."""

    pid: int
    started: float
    port: int


class Ends(NamedTuple):
    """Of the tunnels on a way."""

    outer: frozenset[Address]
    ports: frozenset[int] = frozenset()
    sends: frozenset[tuple[int, Address]] = frozenset()


_seen: dict[Sender, set[Address]] = {}
"""Where the senders of this moment were seen to send to: the table is made anew now and then."""


def ends(brokers: Iterable[Address]) -> Ends:
    """The far ends on the way to these addresses; none where the way has no tunnel."""
    found: set[Address] = set()
    senders: set[Sender] = set()
    ahead = set(brokers)
    for _ in range(DEEP):
        devices = {_device(one) for one in ahead} - {""}
        ahead = {one for device in devices for one in _far_ends(device, senders)}
        ahead -= found | set(brokers)
        if not ahead:
            break
        found |= ahead
    sends = _recorded(senders)
    outer = frozenset(one for one in found if not one.is_loopback)
    return Ends(outer, frozenset(one.port for one in senders), sends)


def _recorded(senders: set[Sender]) -> frozenset[tuple[int, Address]]:
    for gone in _seen.keys() - senders:
        del _seen[gone]
    sent = list(_sent()) if senders else []
    for one in senders:
        known = _seen.setdefault(one, set())
        for port, address in sent:
            if port == one.port and len(known) < MOST_SENDS and not address.is_loopback:
                known.add(address)
    return frozenset((one.port, address) for one in senders for address in _seen[one])


def _sent() -> Iterator[tuple[int, Address]]:
    """What the isolation's table has recorded; nothing where there is none yet."""
    for name in isolation_table.SENT:
        with contextlib.suppress(Failed):
            for element in nft.elements("inet", isolation_table.NAME, name):
                port, text = element["elem"]["val"]["concat"]
                yield int(port), ip_address(text)


def _device(address: Address) -> str:
    """The interface that packets to it leave by."""
    for one in _json(["route", "get", str(address)]):
        return str(one.get("dev", ""))
    return ""


def _far_ends(device: str, senders: set[Sender]) -> set[Address]:
    for one in _json(["-d", "link", "show", "dev", device]):
        told = one.get("linkinfo", {})
        kind, data = told.get("info_kind", ""), told.get("info_data", {}) or {}
        if kind == "wireguard":
            return _peers(device)
        if kind in ("tun", "tap"):
            return _of_programs(device, senders)
        return _addresses([data.get("remote", ""), data.get("remote6", ""), data.get("group", "")])
    return set()


def _peers(device: str) -> set[Address]:
    """`wg show DEVICE endpoints`: a peer's key, and its address with a port."""
    ends = [line.split()[-1] for line in _ran("wg", ["show", device, "endpoints"]).splitlines()]
    return _addresses(end.rpartition(":")[0].strip("[]") for end in ends)


def _of_programs(device: str, senders: set[Sender]) -> set[Address]:
    # On demand, as everywhere in the shim.
    import psutil

    found: set[Address] = set()
    for pid in _owners(device):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            for one in process.net_connections("inet"):
                found |= _addresses(str(end) for end in one.raddr[:1])
                if one.type == socket.SOCK_DGRAM and not one.raddr and one.laddr.port:
                    senders.add(Sender(pid, process.create_time(), one.laddr.port))
    return found


def _owners(device: str) -> list[int]:
    """The processes that hold the other end of a tun or tap device."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):  # it has ended
            for handle in os.listdir(entry / "fd"):
                if os.readlink(entry / "fd" / handle) != "/dev/net/tun":
                    continue
                told = (entry / "fdinfo" / handle).read_text()
                if f"iff:\t{device}\n" in told:
                    found.append(int(entry.name))
    return found


def _addresses(texts: Iterable[str]) -> set[Address]:
    found = set()
    for text in texts:
        with contextlib.suppress(ValueError):
            one = ip_address(text.partition("%")[0])
            if not one.is_unspecified:
                found.add(one)
    return found


def _json(words: list[str]) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(_ran("ip", ["-j", *words]) or "[]", type=list[dict[str, Any]])
    except msgspec.DecodeError:
        return []


def _ran(name: str, words: list[str]) -> str:
    """What it says; nothing where it is not there or fails: then no tunnel is known of."""
    program = tools.first(PLACES[name])
    if program is not None:
        with contextlib.suppress(Failed):
            return tools.ran(program, words, LIMIT_S)
    return ""
