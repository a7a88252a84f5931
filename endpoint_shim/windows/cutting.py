"""Ends the TCP connections that an isolation does not let pass, as their programs see it.

The filters stop every packet of theirs anyhow. Windows has a public call for IPv4 alone
(SetTcpEntry): those of IPv6 are counted, and left to the filters.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Address, Plan

assert sys.platform == "win32"

DELETE = 12
"""MIB_TCP_STATE_DELETE_TCB."""
iphlpapi = ctypes.WinDLL("iphlpapi")


class _Row(ctypes.Structure):
    """MIB_TCPROW; addresses and ports lie as they do on the wire."""

    _fields_ = (
        ("state", ctypes.c_uint32),
        ("near", ctypes.c_uint32),
        ("near_port", ctypes.c_uint32),
        ("far", ctypes.c_uint32),
        ("far_port", ctypes.c_uint32),
    )


iphlpapi.SetTcpEntry.argtypes = [ctypes.POINTER(_Row)]
iphlpapi.SetTcpEntry.restype = ctypes.c_uint32


@dataclass(frozen=True)
class Connection:
    """An open TCP connection's two ends."""

    near: Address
    near_port: int
    far: Address
    far_port: int


def cut(plan: Plan) -> int:
    """Ends them; how many there were."""
    found = doomed(plan)
    for one in found:
        if one.far.version == 4:
            # Whoever ended meanwhile is no failure, and the filters hold what is not ended.
            iphlpapi.SetTcpEntry(ctypes.byref(row(one)))
    return len(found)


def doomed(plan: Plan) -> list[Connection]:
    """Those that it would end."""
    own = own_addresses()
    return [one for one in _connections() if not passes(plan, one, own)]


def passes(plan: Plan, one: Connection, own: frozenset[Address]) -> bool:
    """Whether it may go on as far as its ends tell; whose it is, the filters judge."""
    if one.far.is_loopback or one.far in own or one.far in plan.outer:
        return True
    if (one.far, one.far_port) in plan.brokers | plan.own:
        return True
    return any(_allows(rule, one) for rule in plan.rules)


def row(one: Connection) -> _Row:
    near, far = (struct.unpack("=I", end.packed)[0] for end in (one.near, one.far))
    return _Row(DELETE, near, socket.htons(one.near_port), far, socket.htons(one.far_port))


def own_addresses() -> frozenset[Address]:
    """This device's: what goes to them never leaves it."""
    # On demand, as everywhere in the shim.
    import psutil

    found = (one for each in psutil.net_if_addrs().values() for one in each)
    inet = (socket.AF_INET, socket.AF_INET6)
    return frozenset(_address(one.address) for one in found if one.family in inet)


def _allows(rule: Allowance, one: Connection) -> bool:
    if rule.protocol == "udp":
        return False
    if rule.network and one.far not in ip_network(rule.network, strict=False):
        return False
    outward = rule.direction != "in" and (not rule.ports or one.far_port in rule.ports)
    return outward or (rule.direction != "out" and (not rule.ports or one.near_port in rule.ports))


def _connections() -> Iterator[Connection]:
    import psutil

    for one in psutil.net_connections("tcp"):
        if one.laddr and one.raddr:
            near, far = one.laddr, one.raddr
            yield Connection(_address(near.ip), near.port, _address(far.ip), far.port)


def _address(text: str) -> Address:
    return ip_address(text.partition("%")[0])
