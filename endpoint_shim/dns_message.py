"""One question to a name server and its answer (RFC 1035), as far as addresses need. Pure.

Only for the guard of an isolated device: the system's resolver may not ask then, and the shim asks
itself. An answer decides nothing: each address has to prove by TLS that it is the broker's.
"""

import socket
import struct
from ipaddress import IPv4Address, IPv6Address

A, AAAA = 1, 28
_IN = 1
_HEAD = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_ANSWER, _CUT, _RECURSE, _CODE = 0x8000, 0x0200, 0x0100, 0x000F
LONGEST_NAME, LONGEST_LABEL = 253, 63
MAX_RECORDS, MAX_JUMPS = 64, 32


class Unusable(Exception):
    """No answer to this question."""


class Cut(Unusable):
    """It did not fit; TCP has all of it."""


def question(number: int, name: str, kind: int) -> bytes:
    """The query for a name's addresses; UnicodeError or Unusable for what is no name."""
    packed = b""
    for label in name.rstrip(".").encode("idna").split(b"."):
        if not 0 < len(label) <= LONGEST_LABEL:
            raise Unusable(f"{name} is no name")
        packed += bytes([len(label)]) + label
    if len(packed) > LONGEST_NAME + 1:
        raise Unusable(f"{name} is too long a name")
    return _HEAD.pack(number, _RECURSE, 1, 0, 0, 0) + packed + struct.pack("!BHH", 0, kind, _IN)


def addresses(asked: bytes, answer: bytes) -> list[IPv4Address | IPv6Address]:
    """The addresses in an answer to exactly that query; none where the name has none."""
    try:
        return _addresses(asked, answer)
    except (struct.error, IndexError):
        raise Unusable("an answer that ends too early") from None


def _addresses(asked: bytes, answer: bytes) -> list[IPv4Address | IPv6Address]:
    number, flags, questions, records, _, _ = _HEAD.unpack_from(answer)
    if number != _HEAD.unpack_from(asked)[0] or not flags & _ANSWER or questions != 1:
        raise Unusable("an answer to something else")
    end = len(asked)
    if answer[_HEAD.size : end].lower() != asked[_HEAD.size :].lower():
        raise Unusable("an answer to another question")
    if flags & _CUT:
        raise Cut("an answer that was cut")
    if flags & _CODE not in (0, 3):
        raise Unusable(f"the name server's code {flags & _CODE}")
    found: list[IPv4Address | IPv6Address] = []
    for _ in range(min(records, MAX_RECORDS)):
        end = _behind_name(answer, end)
        kind, group, _, size = _RECORD.unpack_from(answer, end)
        end += _RECORD.size
        data = answer[end : end + size]
        end += size
        # What leads to them (CNAME) stands in the same answer; a resolver follows it.
        if (kind, group, len(data)) == (A, _IN, 4):
            found.append(IPv4Address(socket.inet_ntop(socket.AF_INET, data)))
        elif (kind, group, len(data)) == (AAAA, _IN, 16):
            found.append(IPv6Address(socket.inet_ntop(socket.AF_INET6, data)))
    return found


def _behind_name(answer: bytes, at: int) -> int:
    """Names of records are passed over, not read: a pointer ends one."""
    for _ in range(MAX_JUMPS * 4):
        size = answer[at]
        if size & 0xC0:
            return at + 2
        at += 1 + size
        if size == 0:
            return at
    raise Unusable("a name without an end")
