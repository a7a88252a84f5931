"""The kernel's word that somebody changed the packet filter's rules (NFNLGRP_NFTABLES)."""

import asyncio
import socket
from collections.abc import Callable

_NETFILTER = 12
_NFTABLES = 1 << (7 - 1)
_PIECE = 65_536
_PIECES = 64


def watch(changed: Callable[[], None]) -> None:
    """Calls `changed` after a change, as long as this event loop runs."""
    listening = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    listening.setblocking(False)
    listening.bind((0, _NFTABLES))

    def heard() -> None:
        # What changed does not matter, and what was lost (ENOBUFS) even less: the rules are read.
        for _ in range(_PIECES):
            try:
                listening.recv(_PIECE)
            except BlockingIOError:
                break
            except OSError:
                continue
        changed()

    asyncio.get_running_loop().add_reader(listening, heard)
