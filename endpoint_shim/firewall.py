"""What isolates a device, whatever its system: the plan, and the two sides that enforce it.

`linux/firewall.py` does it with one nftables table, `windows/firewall.py` with a provider and a
sublayer of the Filtering Platform. The guard (guard.py) decides when; these only do.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Protocol

from commands.language.wire_contain import Allowance

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Plan:
    """Everything that may pass; DHCP, neighbour discovery and loopback always do. Pure."""

    brokers: frozenset[tuple[Address, int]]
    """Where the broker (or the proxy on the way to it) is reached."""
    resolvers: frozenset[Address]
    """For the shim's own questions alone (a socket mark; Windows: the shim's own program)."""
    rules: tuple[Allowance, ...] = ()
    outer: frozenset[Address] = frozenset()
    """Far ends of tunnels that the broker is behind."""
    own: frozenset[tuple[Address, int]] = frozenset()
    """Open to the shim's own connections alone, known as its own questions are: a proxy, which
    would be a way out for everybody, and an address that has yet to prove that it is the broker."""
    ports: frozenset[int] = frozenset()
    """UDP ports from which programs of such tunnels send to whom they are not connected: where to
    is to be recorded (Linux)."""
    sends: frozenset[tuple[int, Address]] = frozenset()
    """Where to: open to what is sent from that port, and to the answers."""
    links: frozenset[IPv4Network] = frozenset()
    """Where a DHCP server may be spoken to and not only called (Linux)."""


@dataclass(frozen=True)
class InForce:
    """What the system has now, as read back from it."""

    table: str
    """The rules as text, without what changes by itself (handles, counters)."""
    sha256: str
    again: str = field(default="", compare=False)
    """What puts it back by the system's own program, where nothing of the shim's runs: it opens no
    more than the table does, and needs no service to be there."""


class Firewall(Protocol):
    """The system's own filter, synchronous and short; the guard calls it in a thread."""

    def apply(self, plan: Plan) -> InForce:
        """Replaces ours whole, in one transaction, and reads it back; raises Failed."""
        ...

    def cut(self, plan: Plan) -> int:
        """Ends the connections that may not pass; how many there were."""
        ...

    def read(self) -> InForce | None:
        """What of ours is in force; None where nothing is."""
        ...

    def remove(self) -> None:
        """Takes ours away without a trace; nothing to do where nothing is."""
        ...
