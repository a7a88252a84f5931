"""The table that isolates a Linux device, in nft's own language. Pure.

1. A drop is final whatever other tables accept, and an accept here ends this table only: so their
   order and their rules do not matter, and nothing of theirs is touched.
2. What is established has no pardon: every packet is judged by its addresses and ports.
3. `input` stands before every NAT and `output` behind it: judged is what is on the wire.
4. Not JSON: nft 1.0.6 (Debian 12) cannot say `socket cgroupv2` in it. What is filled in here is an
   address, a number, or a control group's path without a character of nft's.
5. What cannot be matched here is refused by name; no rule is ever made wider than it was meant.
   Rules for programs of Windows are left out, and that is said: there is nothing here to open.
6. A rule's program or package is a selector; its processes are in groups of ours, which are there
   and named here whether anybody is inside or not: who starts one changes no rule.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from commands.language.errors import Failed
from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Address, Plan
from endpoint_shim.own_mark import MARK

NAME = "fireline_isolation"

EARLY, LATE = -450, 300
SERVICE = re.compile(r"[A-Za-z0-9:_.@-]+\Z")
_CGROUP = re.compile(r"[A-Za-z0-9:_.@/-]+\Z")
_OWN = f"socket mark 0x{MARK:08x}"
_ROOTS = "meta skuid 0"
"""Since Linux 5.17 whoever has CAP_NET_RAW may set a mark; only the way out knows the owner."""
_ANSWER = "tcp flags & (fin | syn | rst | ack) != syn"
"""Not a connection that the far side opens."""
_TUNNEL = "meta l4proto != { icmp, tcp, ipv6-icmp }"
"""What a tunnel is carried in; one over TCP is opened by this device, and nobody is pinged."""
# RFC 4890, 4.4.1: on-link only, which hop limit 255 (and 1, of multicast listeners) proves.
_NEIGHBOURS_IN, _NEIGHBOURS_OUT = (134, 135, 136), (133, 135, 136)
_LISTENERS_IN, _LISTENERS_OUT = (130,), (131, 132, 143)
SENT = ("sent_ip", "sent_ip6")
"""Port and address of what was sent from the ports of Plan.ports, let pass or not."""
_SETS = tuple(
    f"\tset {name} {{\n\t\ttype inet_service . {kind};\n\t\tsize 256; "
    "flags dynamic,timeout; timeout 5m;\n\t}\n"
    for name, kind in zip(SENT, ("ipv4_addr", "ipv6_addr"), strict=True)
)
_RECORDS = tuple(
    f"update @{name} {{ udp sport . {family} daddr }}"
    for name, family in zip(SENT, ("ip", "ip6"), strict=True)
)
_ALL = "255.255.255.255"
_TOO_BIG = {"ip": "icmp type 3 icmp code 4", "ip6": "icmpv6 type 2"}
Network = IPv4Network | IPv6Network


def text(plan: Plan, groups: Mapping[str, tuple[str, ...]], *, bridges: bool) -> str:
    """What nft is given: the table anew, whole, in one transaction.

    `groups` is where the named services and selectors run, below cgroup v2's root; the rules of
    others are left out. `bridges`: what this device only passes on from one port of a bridge to
    another is dropped as well.
    """
    inward: list[str] = []
    outward = [f"udp sport {port} {one}" for port in sorted(plan.ports) for one in _RECORDS]
    for direction, rule in _rules(plan, groups):
        (inward if direction == "in" else outward).append(f"{rule} accept")
    chains = [
        _chain("input", EARLY, inward),
        _chain("output", LATE, outward),
        _chain("forward", EARLY, []),
    ]
    whole = _table("inet", [*(_SETS if plan.ports else ()), *chains])
    return whole + _table("bridge", [_chain("forward", EARLY, [])]) if bridges else whole


def removal(families: list[str]) -> str:
    """What takes the tables of these families away, in one transaction.

    Each is added before: one that somebody took away meanwhile is no reason to leave the others.
    """
    lines = (f"add table {family} {NAME}\ndelete table {family} {NAME}\n" for family in families)
    return "".join(lines)


def services(rules: tuple[Allowance, ...]) -> dict[str, str]:
    """The units that the rules name, each with the rule's name."""
    return {_unit(rule): rule.name for rule in rules if rule.service}


def selector(rule: Allowance) -> str:
    """The program or package that the rule is for; empty where it is for none of Linux."""
    if rule.of_windows or not (rule.process or rule.package):
        return ""
    return f"process {rule.process}" if rule.process else f"package {rule.package}"


def selectors(rules: tuple[Allowance, ...]) -> tuple[str, ...]:
    """All of them, each once."""
    return tuple(sorted({one for rule in rules if (one := selector(rule))}))


def check(rules: tuple[Allowance, ...]) -> None:
    """Raises Failed for a rule that cannot be matched here."""
    for rule in rules:
        if not rule.of_windows:
            _network(rule)
            _who(rule)


def _table(family: str, chains: list[str]) -> str:
    # Added first, so that there is one to delete; the kernel takes all of it at once, or nothing.
    fresh = f"table {family} {NAME}\ndelete table {family} {NAME}\n"
    return f"{fresh}table {family} {NAME} {{\n{''.join(chains)}}}\n"


def _chain(hook: str, priority: int, rules: list[str]) -> str:
    kind = f"\t\ttype filter hook {hook} priority {priority}; policy drop;\n"
    return f"\tchain {hook} {{\n{kind}" + "".join(f"\t\t{one}\n" for one in rules) + "\t}\n"


def _rules(plan: Plan, groups: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    yield "in", 'iif "lo"'
    yield "out", 'oif "lo"'
    for address, port in sorted(plan.brokers, key=_order):
        yield from _place("", address, port)
    for address, port in sorted(plan.own, key=_order):
        yield from _place(f"{_OWN} ", address, port, f"{_ROOTS} ")
    far = {one for one, _ in plan.brokers | plan.own} | {one for _, one in plan.sends}
    for address in sorted(far | plan.outer, key=_by_number):
        yield "in", _too_big(_family(address), str(address))
    for address in sorted(plan.resolvers, key=_by_number):
        for protocol in ("udp", "tcp"):
            yield "in", f"{_OWN} {_family(address)} saddr {address} {protocol} sport 53"
            yield "out", f"{_OWN} {_ROOTS} {_family(address)} daddr {address} {protocol} dport 53"
    for address in sorted(plan.outer, key=_by_number):
        family = _family(address)
        yield "in", f"{family} saddr {address} {_TUNNEL}"
        yield "in", f"{family} saddr {address} {_ANSWER}"
        yield "out", f"{family} daddr {address} {_TUNNEL}"
        yield "out", f"{family} daddr {address} meta l4proto tcp"
    for port, address in sorted(plan.sends, key=lambda one: (one[0], *_by_number(one[1]))):
        yield "in", f"{_family(address)} saddr {address} udp dport {port}"
        yield "out", f"{_family(address)} daddr {address} udp sport {port}"
    yield from _dhcp(plan.links)
    yield from _of_the_link()
    for rule in plan.rules:
        if not rule.of_windows:
            who = _who(rule)
            for group in groups.get(who, ()) if who else ("",):
                yield from _allowed(rule, _group(rule, group))


def _place(who: str, address: Address, port: int, out: str = "") -> Iterator[tuple[str, str]]:
    family = _family(address)
    yield "in", f"{who}{family} saddr {address} tcp sport {port} {_ANSWER}"
    yield "out", f"{who}{out}{family} daddr {address} tcp dport {port}"


def _too_big(family: str, network: str) -> str:
    """Path-MTU messages (RFC 1191, RFC 8201) about a connection to there, whoever sends them."""
    return f"ct state related ct original {family} daddr {network} {_TOO_BIG[family]}"


def _dhcp(links: Iterable[IPv4Network]) -> Iterator[tuple[str, str]]:
    """On the link alone: a server that is elsewhere is called there, and answers by its relay."""
    asks, answers = "udp sport 68 udp dport 67", "udp sport 67 udp dport 68"
    yield "out", f"{asks} ip daddr {_ALL}"
    yield "in", f"{answers} ip daddr {_ALL}"
    if near := ", ".join(str(one) for one in sorted(links)):
        yield "out", f"{asks} ip daddr {{ {near} }}"
        yield "in", f"{answers} ip saddr {{ {near} }}"
    yield "out", "udp sport 546 udp dport 547 ip6 daddr { fe80::/10, ff02::1:2 }"
    yield "in", "udp sport 547 udp dport 546 ip6 saddr fe80::/10"


def _of_the_link() -> Iterator[tuple[str, str]]:
    """Without these a device loses its neighbours, and then the broker."""
    for direction, hops, types in (
        ("in", 255, _NEIGHBOURS_IN),
        ("out", 255, _NEIGHBOURS_OUT),
        ("in", 1, _LISTENERS_IN),
        ("out", 1, _LISTENERS_OUT),
    ):
        for one in types:
            yield direction, f"ip6 hoplimit {hops} icmpv6 type {one}"


def _allowed(rule: Allowance, who: str) -> Iterator[tuple[str, str]]:
    network = _network(rule)
    for protocol in _protocols(rule):
        if rule.direction in ("out", "both"):
            yield "out", _match(who, network, "daddr", protocol, "dport", rule, "original")
            yield "in", _match(who, network, "saddr", protocol, "sport", rule, "reply")
        if rule.direction in ("in", "both"):
            yield "in", _match(who, network, "saddr", protocol, "dport", rule, "original")
            yield "out", _match(who, network, "daddr", protocol, "sport", rule, "reply")
    if rule.direction != "in" and network is not None:
        yield "in", _too_big(_family(network.network_address), str(network))


def _match(
    who: str,
    network: Network | None,
    side: str,
    protocol: str,
    port: str,
    rule: Allowance,
    direction: str,
) -> str:
    words = [who] if who else []
    if network is not None:
        words.append(f"{_family(network.network_address)} {side} {network}")
    if rule.ports:
        words.append(f"{protocol} {port} {{ {', '.join(map(str, sorted(set(rule.ports))))} }}")
    elif protocol:
        words.append(f"meta l4proto {protocol}")
    # Which side opened it, as the connection's tracking has it: a far port alone proves nothing.
    return " ".join([*words, f"ct direction {direction}"])


def _protocols(rule: Allowance) -> tuple[str, ...]:
    if rule.protocol != "any":
        return (rule.protocol,)
    return ("tcp", "udp") if rule.ports else ("",)


def _network(rule: Allowance) -> Network | None:
    if not rule.network:
        if not (rule.service or rule.process or rule.package):
            raise Failed(
                f"the rule {rule.name} names neither a network nor a program, package or service"
            )
        return None
    try:
        return ip_network(rule.network, strict=False)
    except ValueError:
        raise Failed(f"the rule {rule.name}: {rule.network} is no network") from None


def _who(rule: Allowance) -> str:
    """The unit or the selector that the rule is for; empty where it is for everybody."""
    if len([one for one in (rule.process, rule.package, rule.service) if one]) > 1:
        raise Failed(
            f"the rule {rule.name} names more than one of program, package and service, which "
            "Linux cannot tell at once; name one"
        )
    if "/" in rule.process and (not rule.process.startswith("/") or "\0" in rule.process):
        raise Failed(f"the rule {rule.name}: {rule.process} is no whole path, and no file's name")
    return _unit(rule) if rule.service else selector(rule)


def _group(rule: Allowance, group: str) -> str:
    if not (path := group.strip("/")):
        return ""
    if not _CGROUP.match(path):
        raise Failed(f"the rule {rule.name}: the group of {rule.service} has a name nft cannot say")
    return f'socket cgroupv2 level {path.count("/") + 1} "{path}"'


def _unit(rule: Allowance) -> str:
    if not SERVICE.match(rule.service):
        raise Failed(f"the rule {rule.name}: {rule.service} is no systemd unit")
    return rule.service if "." in rule.service else f"{rule.service}.service"


def _family(address: Address) -> str:
    return "ip" if isinstance(address, IPv4Address) else "ip6"


def _by_number(address: Address) -> tuple[int, int]:
    return address.version, int(address)


def _order(place: tuple[Address, int]) -> tuple[int, int, int]:
    return *_by_number(place[0]), place[1]
