"""The kernel's word that somebody changed the packet filter's rules, or the ways of packets."""

import asyncio
import socket
from collections.abc import Callable

_ROUTE, _NETFILTER = 0, 12
_NFTABLES = 1 << (7 - 1)  # NFNLGRP_NFTABLES
_WAYS = 0x1 | 0x40 | 0x400  # RTMGRP_LINK, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE
_PIECE = 65_536
_PIECES = 64


def watch(rules: Callable[[], None], ways: Callable[[], None]) -> None:
    """Calls them after a change, as long as this event loop runs."""
    _listen(_NETFILTER, _NFTABLES, rules)
    _listen(_ROUTE, _WAYS, ways)


def _listen(family: int, groups: int, changed: Callable[[], None]) -> None:
    listening = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
    listening.setblocking(False)
    listening.bind((0, groups))

    def heard() -> None:
        # What changed does not matter, and what was lost (ENOBUFS) even less: all is read anew.
        for _ in range(_PIECES):
            try:
                listening.recv(_PIECE)
            except BlockingIOError:
                break
            except OSError:
                continue
        changed()

    asyncio.get_running_loop().add_reader(listening, heard)
