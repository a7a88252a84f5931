"""The far ends of tunnels that packets to the broker go through: without them the tunnel dies.

1. What a tunnel itself is set up with: WireGuard, GRE, IPIP, SIT, VXLAN and their like.
2. Of a program's own tunnel (tun, tap): where that program's connected sockets lead. A program
   that sends to its far end without being connected to it leaves no trace to find it by: then the
   probe fails, and the isolation is taken back.
3. Whatever goes into the tunnel is judged before it is wrapped: only the broker is behind it.
"""

import contextlib
import os
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import msgspec

from commands.language.errors import Failed
from endpoint_shim.linux import tools

LIMIT_S = 3.0
DEEP = 3
"""A tunnel in a tunnel in a tunnel."""
PLACES = {"ip": ("/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"), "wg": ("/usr/bin/wg", "/usr/sbin/wg")}
Address = IPv4Address | IPv6Address


def outer(brokers: Iterable[Address]) -> frozenset[Address]:
    """The far ends on the way to these addresses; none where the way has no tunnel."""
    found: set[Address] = set()
    ahead = set(brokers)
    for _ in range(DEEP):
        devices = {_device(one) for one in ahead} - {""}
        ahead = {one for device in devices for one in _far_ends(device)} - found - set(brokers)
        if not ahead:
            break
        found |= ahead
    return frozenset(one for one in found if not one.is_loopback)


def _device(address: Address) -> str:
    """The interface that packets to it leave by."""
    for one in _json(["route", "get", str(address)]):
        return str(one.get("dev", ""))
    return ""


def _far_ends(device: str) -> set[Address]:
    for one in _json(["-d", "link", "show", "dev", device]):
        told = one.get("linkinfo", {})
        kind, data = told.get("info_kind", ""), told.get("info_data", {}) or {}
        if kind == "wireguard":
            return _peers(device)
        if kind in ("tun", "tap"):
            return _of_programs(device)
        return _addresses([data.get("remote", ""), data.get("remote6", ""), data.get("group", "")])
    return set()


def _peers(device: str) -> set[Address]:
    """`wg show DEVICE endpoints`: a peer's key, and its address with a port."""
    ends = [line.split()[-1] for line in _ran("wg", ["show", device, "endpoints"]).splitlines()]
    return _addresses(end.rpartition(":")[0].strip("[]") for end in ends)


def _of_programs(device: str) -> set[Address]:
    # On demand, as everywhere in the shim.
    import psutil

    found: set[Address] = set()
    for pid in _owners(device):
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(pid).net_connections("inet"):
                found |= _addresses(str(end) for end in one.raddr[:1])
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
