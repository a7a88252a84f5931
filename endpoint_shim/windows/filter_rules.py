"""What isolates a Windows device: the Filtering Platform's filters, which and why; pure.

1. The heaviest filter that matches decides within our sublayer: what may pass, else the block.
2. A block of ours is final. A permit opens nothing that another's filter blocks: it leaves the
   right to, so an administrator's own rules count as they did before.
3. Connections are judged at the ALE layers, by program and account too; each packet at the
   transport layers, by address and port. What is established dies at both: a filter that comes to
   an ALE layer has that layer's flows judged anew ("ALE Reauthorization").
4. Forwarded packets (of containers and of machines behind this one) stop, whatever the rules say.
5. Boot-time filters hold from the network's start until the engine's service is up. Nothing of
   ours runs then, so they are the same everywhere: DHCP, neighbours and loopback pass.
6. The broker and the resolvers are for the shim's own program and account: a proxy on the way to
   the broker, or a resolver, that all may use is a tunnel. DHCP is for the system's own client.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from commands.language.errors import Failed
from commands.language.visible import visible
from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Address, Plan

Network = IPv4Network | IPv6Network
Value = int | str | Network

PASS, REST = 15, 0
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
DNS = 53
LONGEST_NAME = 150
CONNECT, ACCEPT, SENT, RECEIVED, FORWARDED, TOLD = (
    *("connect", "accept", "sent", "received", "forwarded", "told"),
)
"""ALE_AUTH_CONNECT, ALE_AUTH_RECV_ACCEPT, OUTBOUND_TRANSPORT, INBOUND_TRANSPORT, IPFORWARD and
OUTBOUND_ICMP_ERROR; each is a layer for IPv4 and one for IPv6."""
EVERYWHERE = (CONNECT, ACCEPT, SENT, RECEIVED, FORWARDED, TOLD)
BY_PROGRAM = (CONNECT, ACCEPT)
GOING_OUT, COMING_IN = (CONNECT, SENT, RECEIVED), (ACCEPT, SENT, RECEIVED)
BOTH_WAYS = (CONNECT, ACCEPT, SENT, RECEIVED)
LAYERS = tuple(f"{place}{version}" for place in EVERYWHERE for version in (4, 6))

LINK = (IPv6Network("fe80::/10"), IPv6Network("ff02::/16"))
# RFC 4861: router and neighbour solicitation and advertisement; RFC 3810: multicast listeners.
NEIGHBOURS, LISTENERS = (133, 134, 135, 136), (130, 131, 132, 143)
# RFC 1191 and RFC 8201: a packet was too big for a link on the way.
UNREACHABLE, MUST_FRAGMENT, TOO_BIG = 3, 4, 2
PROTOCOLS = {"tcp": (TCP,), "udp": (UDP,)}


@dataclass(frozen=True)
class Condition:
    """One thing that has to be so; of several on one field, one is enough."""

    field: str
    value: Value


@dataclass(frozen=True)
class Rule:
    """One filter."""

    layer: str
    permit: bool
    weight: int
    conditions: tuple[Condition, ...] = ()
    boot: bool = False
    name: str = ""

    def line(self) -> str:
        """As `InForce.table` shows it; two filters that do the same have the same line."""
        parts = [f"{field} {' or '.join(sorted(values))}" for field, values in self._fields()]
        what = f"{self.layer} {'permit' if self.permit else 'block'} {self.weight}"
        when = "boot" if self.boot else "kept"
        return f"{what} {when} ({'; '.join(parts)}) {json.dumps(self.name)}"

    def _fields(self) -> Iterator[tuple[str, list[str]]]:
        fields = sorted({one.field for one in self.conditions})
        for field in fields:
            yield field, [str(one.value) for one in self.conditions if one.field == field]


@dataclass(frozen=True)
class Shim:
    """Who may ask the resolvers and speak to the broker."""

    program: str
    """As the engine names it (`\\device\\harddiskvolume3\\…`)."""
    account: str
    """A security descriptor that allows the shim's account (SDDL)."""
    services: str
    """The program that Windows' own services run in, DHCP's among them."""


@dataclass(frozen=True)
class Pass:
    """Something that may pass, before it is spread over the layers."""

    name: str
    places: tuple[str, ...]
    versions: tuple[int, ...] = (4, 6)
    protocols: tuple[int, ...] = ()
    far: tuple[Network, ...] = ()
    remote_ports: tuple[int, ...] = ()
    local_ports: tuple[int, ...] = ()
    programs: tuple[str, ...] = ()
    account: str = ""
    package: str = ""

    def spread(self, *, boot: bool = False) -> Iterator[Rule]:
        for place in self.places:
            for version in self.versions:
                if self.far and not self._far(version):
                    continue
                conditions = tuple(self._conditions(place, version))
                yield Rule(f"{place}{version}", True, PASS, conditions, boot, self.name)

    def _far(self, version: int) -> list[Network]:
        return [one for one in self.far if one.version == version]

    def _conditions(self, place: str, version: int) -> Iterator[Condition]:
        yield from (Condition("protocol", one) for one in self.protocols)
        yield from (Condition("remote", one) for one in self._far(version))
        yield from (Condition("remote port", one) for one in self.remote_ports)
        yield from (Condition("local port", one) for one in self.local_ports)
        if place in BY_PROGRAM:
            yield from (Condition("program", one) for one in self.programs)
            if self.account:
                yield Condition("account", self.account)
            if self.package:
                yield Condition("package", self.package)


@dataclass(frozen=True)
class Allowed:
    """One rule of a selective isolation, with what it means on this device."""

    rule: Allowance
    programs: tuple[str, ...] = ()
    account: str = ""
    package: str = ""


def rules(plan: Plan, shim: Shim, allowed: Sequence[Allowed]) -> list[Rule]:
    """All filters of a plan, none twice."""
    found = [*boot(), *_rest(boot=False)]
    for one in (*_always(shim.services), *_own(plan, shim), *_outer(plan), *_chosen(allowed)):
        found += one.spread()
    return list(dict.fromkeys(found))


def boot() -> list[Rule]:
    """The boot-time filters: the same on every device, in every isolation."""
    found = [replace(rule, boot=True) for rule in _rest(boot=True)]
    for one in _always(""):
        found += one.spread(boot=True)
    return found


def network(name: str, text: str) -> Network:
    """A rule's network; raises Failed for what is none."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise Failed(
            f"the rule {name} was not taken: {text} is no network; write it as CIDR"
        ) from None


def _rest(*, boot: bool) -> Iterator[Rule]:
    """What ends everything else, and loopback, which never leaves the device."""
    for layer in LAYERS:
        yield Rule(layer, False, REST, (), boot, "everything else")
        if not layer.startswith(FORWARDED):
            loopback = (Condition("loopback", 1),)
            yield Rule(layer, True, PASS, loopback, boot, "loopback")


def _always(services: str) -> Iterator[Pass]:
    programs = (services,) if services else ()
    dhcp = Pass("DHCP", BOTH_WAYS, protocols=(UDP,), programs=programs)
    yield replace(dhcp, versions=(4,), local_ports=(68,), remote_ports=(67,))
    yield replace(dhcp, versions=(6,), local_ports=(546,), remote_ports=(547,), far=LINK)
    # The type and the code of an ICMP message stand where its ports would (fwpmu.h).
    icmp6 = Pass("neighbours", BOTH_WAYS, (6,), (ICMP6,))
    yield replace(icmp6, local_ports=NEIGHBOURS)
    yield replace(icmp6, local_ports=LISTENERS, far=LINK)
    yield Pass(
        *("path MTU", (RECEIVED,), (4,), (ICMP,)),
        local_ports=(UNREACHABLE,),
        remote_ports=(MUST_FRAGMENT,),
    )
    yield Pass("path MTU", (RECEIVED,), (6,), (ICMP6,), local_ports=(TOO_BIG,))


def _own(plan: Plan, shim: Shim) -> Iterator[Pass]:
    asked = Pass("", GOING_OUT, programs=(shim.program,), account=shim.account)
    for address, port in sorted(plan.brokers | plan.own, key=str):
        broker = replace(asked, name="broker", protocols=(TCP,), remote_ports=(port,))
        yield replace(broker, far=(_one(address),))
    for resolver in sorted(plan.resolvers, key=str):
        dns = replace(asked, name="resolver", protocols=(TCP, UDP), remote_ports=(DNS,))
        yield replace(dns, far=(_one(resolver),))


def _outer(plan: Plan) -> Iterator[Pass]:
    """A tunnel's packets are the system's own, of whatever protocol it speaks."""
    for address in sorted(plan.outer, key=str):
        yield Pass("tunnel", BOTH_WAYS, far=(_one(address),))


def _chosen(allowed: Sequence[Allowed]) -> Iterator[Pass]:
    for one in allowed:
        rule = one.rule
        # Ports are those of TCP and UDP: in an ICMP message its type stands there.
        protocols = PROTOCOLS.get(rule.protocol, (TCP, UDP) if rule.ports else ())
        chosen = Pass(
            *(visible(f"rule {rule.name}")[:LONGEST_NAME], (), (4, 6), protocols, _far(rule)),
            programs=one.programs,
            account=one.account,
            package=one.package,
        )
        if rule.network:
            chosen = replace(chosen, versions=(network(rule.name, rule.network).version,))
        if rule.direction in ("out", "both"):
            yield replace(chosen, places=GOING_OUT, remote_ports=rule.ports)
        if rule.direction in ("in", "both"):
            yield replace(chosen, places=COMING_IN, local_ports=rule.ports)


def _far(rule: Allowance) -> tuple[Network, ...]:
    found = network(rule.name, rule.network) if rule.network else None
    return (found,) if found is not None and found.prefixlen else ()


def _one(address: Address) -> Network:
    return ip_network(address)
