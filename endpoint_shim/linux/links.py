"""Where a DHCP server may be: the networks that this device has a card in, and the routers there.

From anywhere else, DHCP's ports would be a way in and out for whoever may bind them.
"""

import contextlib
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, collapse_addresses, ip_interface
from pathlib import Path

ROUTES = Path("/proc/thread-self/net/route")
PLATFORMS = (IPv4Network("169.254.0.0/16"), IPv4Network("168.63.129.16/32"))
"""Servers of clouds: link-local ones (Google), and Azure's one address; neither is routed."""
WIDEST = 8
"""A card in a wider network than this is in none that is a link."""
_GATEWAY = 0x2


def near() -> frozenset[IPv4Network]:
    """All of them; of IPv6 it is always the link itself."""
    return frozenset(collapse_addresses([*PLATFORMS, *_of_cards(), *_routers(_lines())]))


def _of_cards() -> Iterable[IPv4Network]:
    # On demand, as everywhere in the shim.
    import psutil

    for found in psutil.net_if_addrs().values():
        for one in found:
            if one.family != socket.AF_INET:
                continue
            with contextlib.suppress(ValueError):
                network = ip_interface(f"{one.address}/{one.netmask or 32}").network
                if (
                    isinstance(network, IPv4Network)
                    and not network.is_loopback
                    and network.prefixlen >= WIDEST
                ):
                    yield network


def _routers(lines: Iterable[str]) -> Iterable[IPv4Network]:
    """Of proc_pid_net(5), `route`: addresses as the processor has them in memory."""
    for line in lines:
        words = line.split()
        if len(words) > 3 and words[0] != "Iface" and int(words[3], 16) & _GATEWAY:
            yield IPv4Network(IPv4Address(socket.htonl(int(words[2], 16))))


def _lines() -> list[str]:
    try:
        return ROUTES.read_text().splitlines()
    except OSError:
        return []
