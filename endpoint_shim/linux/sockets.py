"""The kernel's socket tables, /proc/net/{tcp,tcp6,udp,udp6}, one network namespace at a time."""

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from endpoint_shim.linux import proc

MOST = 256 * 1024 * 1024
TABLES = ("tcp", "tcp6", "udp", "udp6")
# include/net/tcp_states.h
STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN_RECV",
}


class Socket(NamedTuple):
    """One line of a table; no remote end where there is none."""

    protocol: str
    local: tuple[str, int]
    remote: tuple[str, int] | None
    status: str
    inode: int


def sockets_of(pid: int) -> Iterator[Socket]:
    """The sockets of a process's network namespace; OSError if it has ended."""
    for table in TABLES:
        try:
            text = proc.read(f"/proc/{pid}/net/{table}", MOST)
        except FileNotFoundError:
            if table in ("tcp6", "udp6"):
                continue  # a kernel without IPv6
            raise
        for line in text.splitlines()[1:]:
            yield parse(table, line)


def parse(table: str, line: bytes) -> Socket:
    """`sl local remote st queues timer retransmits uid timeout inode …`."""
    fields = line.split()
    state = STATES.get(int(fields[3], 16), fields[3].decode("ascii", "replace"))
    remote = address(fields[2])
    if table.startswith("udp"):
        # A UDP socket is either connected (1) or not (7); the second is no state of interest.
        state = state if state == "ESTABLISHED" else ""
    return Socket(table, address(fields[1]), remote if remote[1] else None, state, int(fields[9]))


def address(field: bytes) -> tuple[str, int]:
    """`0100007F:01BB`: words of the machine's own byte order, then the port."""
    words, _, port = field.partition(b":")
    numbers = [int(words[i : i + 8], 16) for i in range(0, len(words), 8)]
    packed = struct.pack(f"={len(numbers)}I", *numbers)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)
