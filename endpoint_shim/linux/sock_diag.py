"""The kernel's own list of connections, and the end of one (sock_diag(7), SOCK_DESTROY).

Both ends of a destroyed connection's process see an error at once; where the kernel was built
without it (CONFIG_INET_DIAG_DESTROY) or will not, the packet filter's drop has to do.
"""

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY, _DESTROY = 20, 21
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_HEAD = struct.Struct("=IHHII")
_ASK = struct.Struct("=BBBxI48s")  # inet_diag_req_v2
_ID = struct.Struct("!HH16s16s4s8s")  # ports in network order; interface and cookie as they came
TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
_STATES = {TCP: 0b0000_1011_0011_1110, UDP: 0xFFFF_FFFF}
"""Of TCP all but TIME_WAIT (6), CLOSE (7), LISTEN (10) and a request without a socket yet (12)."""
_SYN_SENT = 2
_INODE = struct.Struct("=I")
_INODE_AT, _ATTRIBUTES_AT = 68, 72  # inet_diag_msg
_ATTRIBUTE = struct.Struct("=HH")
_GROUP = 21  # INET_DIAG_CGROUP_ID, since Linux 5.8
_PIECE = 65_536
LIMIT_S = 5.0


class Connection(NamedTuple):
    """One connection of this device (or a socket of UDP); `key` names it to the kernel."""

    near: IPv4Address | IPv6Address
    near_port: int
    far: IPv4Address | IPv6Address
    far_port: int
    family: int
    key: bytes
    protocol: int = TCP
    inode: int = 0
    group: int = 0
    """The control group in which it was made; 0 where the kernel does not tell."""
    opening: bool = False
    """Nobody has answered it: somebody only tries."""


def connections(protocol: int = TCP) -> list[Connection]:
    """Those of this network namespace that are open, opening or closing."""
    return [one for family in (socket.AF_INET, socket.AF_INET6) for one in _of(family, protocol)]


def destroy(connection: Connection) -> bool:
    """Ends it here; False where it had ended, or the kernel does not do that."""
    body = _ASK.pack(connection.family, connection.protocol, 0, 0xFFFF_FFFF, connection.key)
    for kind, data in _asked(_DESTROY, _REQUEST | _ACK, body):
        if kind == _ERROR:
            number = -int.from_bytes(data[:4], "little", signed=True)
            if number in (0, errno.ENOENT, errno.EOPNOTSUPP, errno.EPERM):
                return number == 0
            raise OSError(number, os.strerror(number))
    return False


def _of(family: int, protocol: int) -> Iterator[Connection]:
    body = _ASK.pack(family, protocol, 0, _STATES[protocol], bytes(48))
    for kind, data in _asked(_BY_FAMILY, _REQUEST | _DUMP, body):
        if kind == _ERROR:
            number = -int.from_bytes(data[:4], "little", signed=True)
            raise OSError(number, os.strerror(number))
        key = data[4:52]  # behind inet_diag_msg's family, state, timer and retransmissions
        near_port, far_port, near, far, _, _ = _ID.unpack(key)
        size = 4 if data[0] == socket.AF_INET else 16
        (inode,) = _INODE.unpack_from(data, _INODE_AT)
        yield Connection(
            _plain(near[:size]), near_port, _plain(far[:size]), far_port, data[0], key,
            protocol, inode, _group(data), protocol == TCP and data[1] == _SYN_SENT,
        )  # fmt: skip


def _group(data: bytes) -> int:
    at = _ATTRIBUTES_AT
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if kind == _GROUP and size >= 12:
            return int.from_bytes(data[at + 4 : at + 12], sys.byteorder)
        at += max(size + 3 & ~3, _ATTRIBUTE.size)
    return 0


def _plain(packed: bytes) -> IPv4Address | IPv6Address:
    """IPv4 in an IPv6 socket is IPv4 on the wire."""
    found = ip_address(packed)
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _asked(kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
    """The answer's messages, an error among them; ends with it or with the dump's end."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as asking:
        asking.settimeout(LIMIT_S)
        asking.sendto(_HEAD.pack(_HEAD.size + len(body), kind, flags, 1, 0) + body, (0, 0))
        while True:
            data = asking.recv(_PIECE)
            while len(data) >= _HEAD.size:
                size, found, _, _, _ = _HEAD.unpack_from(data)
                if size < _HEAD.size:
                    return
                if found == _DONE:
                    return
                yield found, data[_HEAD.size : size]
                if found == _ERROR:
                    return
                data = data[(size + 3) & ~3 :]
