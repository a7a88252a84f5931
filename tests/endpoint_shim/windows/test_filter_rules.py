"""Which filters isolate a Windows device: a small engine of the same order judges packets by them.

Conditions on one field are alternatives, fields are all to be met, the heaviest decides.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from commands.language.errors import Failed
from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Plan
from endpoint_shim.windows.filter_rules import (
    BOTH_WAYS,
    ICMP,
    ICMP6,
    LAYERS,
    TCP,
    UDP,
    Allowed,
    Rule,
    Shim,
    boot,
    rules,
)

SHIM = Shim(program="shim.exe", account="system", services="svchost.exe")
BROKER, PROXY, RESOLVER, STRANGER = "192.0.2.7", "192.0.2.80", "192.0.2.53", "198.51.100.9"
OWN = {"program": "shim.exe", "account": "system"}
PLAN = Plan(
    brokers=frozenset({(ip_address(BROKER), 8443)}),
    resolvers=frozenset({ip_address(RESOLVER)}),
    outer=frozenset({ip_address("203.0.113.1")}),
    own=frozenset({(ip_address(PROXY), 3128)}),
)


@dataclass
class Packet:
    """What a layer sees of one."""

    remote: str
    protocol: int = TCP
    remote_port: int = 0
    local_port: int = 50_000
    who: dict[str, str] = field(default_factory=dict)
    loopback: bool = False

    def meets(self, name: str, values: list[object]) -> bool:
        if name == "remote":
            address = ip_address(self.remote)
            return any(address in one for one in values)  # type: ignore[operator]
        if name == "loopback":
            return self.loopback
        if name in ("program", "account", "package"):
            return self.who.get(name) in values
        return getattr(self, name.replace(" ", "_")) in values


def passes(found: list[Rule], place: str, packet: Packet) -> bool:
    layer = f"{place}{ip_address(packet.remote).version}"
    matching = []
    for rule in found:
        wanted: dict[str, list[object]] = {}
        for one in rule.conditions:
            wanted.setdefault(one.field, []).append(one.value)
        if rule.layer == layer and all(packet.meets(*item) for item in wanted.items()):
            matching.append(rule)
    return max(matching, key=lambda rule: rule.weight).permit


def everywhere(packet: Packet, plan: Plan = PLAN, *allowed: Allowed, out: bool = True) -> bool:
    """Whether a connection comes about: at its ALE layer, and each of its packets."""
    found = [one for one in rules(plan, SHIM, allowed) if not one.boot]
    places = ("connect" if out else "accept", "sent", "received")
    return all(passes(found, place, packet) for place in places)


def test_the_shim_reaches_the_broker_the_proxy_and_the_resolvers() -> None:
    assert everywhere(Packet(BROKER, remote_port=8443, who=OWN))
    assert everywhere(Packet(PROXY, remote_port=3128, who=OWN))
    assert everywhere(Packet(RESOLVER, UDP, 53, who=OWN))
    assert everywhere(Packet(RESOLVER, TCP, 53, who=OWN))


@pytest.mark.parametrize("who", [{}, {"program": "shim.exe"}, {"account": "system"}])
def test_nobody_else_reaches_any_of_them(who: dict[str, str]) -> None:
    assert not everywhere(Packet(BROKER, remote_port=8443, who=who))
    assert not everywhere(Packet(PROXY, remote_port=3128, who=who))
    assert not everywhere(Packet(RESOLVER, UDP, 53, who=who))


@pytest.mark.parametrize(
    "packet",
    [
        Packet(BROKER, remote_port=443, who=OWN),
        Packet(BROKER, UDP, 8443, who=OWN),
        Packet(STRANGER, remote_port=8443, who=OWN),
        Packet(RESOLVER, UDP, 54, who=OWN),
        Packet(STRANGER, UDP, 53, who=OWN),
        Packet(STRANGER, ICMP, 0, 8),
        Packet("2001:db8::9", ICMP6, 0, 128),
        Packet(STRANGER, UDP, 67, 50_000),
        Packet("2001:db8::9", UDP, 547, 546, {"program": "svchost.exe"}),
        Packet("2001:db8::9", ICMP6, 0, 143),
        Packet("224.0.0.251", UDP, 5353, 5353),
    ],
)
@pytest.mark.parametrize("out", [True, False])
def test_everything_else_stops_both_ways(packet: Packet, out: bool) -> None:
    assert not everywhere(packet, out=out)


def test_loopback_passes_in_every_layer_of_the_devices_own() -> None:
    found = rules(PLAN, SHIM, ())
    for place in (*BOTH_WAYS, "told"):
        assert passes(found, place, Packet("127.0.0.1", remote_port=1, loopback=True))
        assert passes(found, place, Packet("::1", remote_port=1, loopback=True))


def test_dhcp_passes_for_the_systems_client_alone() -> None:
    client = {"program": "svchost.exe"}
    assert everywhere(Packet("255.255.255.255", UDP, 67, 68, client))
    assert everywhere(Packet("192.0.2.1", UDP, 67, 68, client), out=False)
    assert everywhere(Packet("ff02::1:2", UDP, 547, 546, client))
    assert everywhere(Packet("fe80::1", UDP, 547, 546, client), out=False)
    assert not everywhere(Packet("192.0.2.1", UDP, 67, 68, {"program": "evil.exe"}))


@pytest.mark.parametrize("kind", [133, 134, 135, 136])
def test_neighbour_discovery_passes(kind: int) -> None:
    assert everywhere(Packet("fe80::1", ICMP6, 0, kind))
    assert everywhere(Packet("2001:db8::1", ICMP6, 0, kind), out=False)


def test_a_packet_too_big_is_told_and_no_other_error() -> None:
    found = rules(PLAN, SHIM, ())
    assert passes(found, "received", Packet(STRANGER, ICMP, 4, 3))
    assert passes(found, "received", Packet("2001:db8::9", ICMP6, 0, 2))
    assert not passes(found, "received", Packet(STRANGER, ICMP, 3, 3))
    assert not passes(found, "sent", Packet(STRANGER, ICMP, 4, 3))
    assert not passes(found, "told", Packet(STRANGER, ICMP, 3, 3))


def test_a_tunnels_far_end_passes_with_every_protocol() -> None:
    for protocol in (UDP, 47, 50):
        assert everywhere(Packet("203.0.113.1", protocol))
        assert everywhere(Packet("203.0.113.1", protocol), out=False)


def test_nothing_is_forwarded_whatever_the_rules_say() -> None:
    wide = Allowed(Allowance(name="all", direction="both"))
    found = rules(PLAN, SHIM, [wide])
    for remote in (BROKER, STRANGER, "2001:db8::9", "203.0.113.1"):
        assert not passes(found, "forwarded", Packet(remote, remote_port=8443))


def test_a_rule_opens_its_direction_network_port_and_program_alone() -> None:
    rule = Allowance(name="erp", network="198.51.100.0/24", protocol="tcp", ports=(443,))
    erp = Allowed(rule, programs=("erp.exe",))
    program = {"program": "erp.exe"}
    assert everywhere(Packet(STRANGER, remote_port=443, who=program), PLAN, erp)
    for other in (
        Packet(STRANGER, remote_port=443),
        Packet(STRANGER, remote_port=80, who=program),
        Packet(STRANGER, UDP, 443, who=program),
        Packet("203.0.113.9", remote_port=443, who=program),
        Packet("2001:db8::9", remote_port=443, who=program),
    ):
        assert not everywhere(other, PLAN, erp)
    assert not everywhere(Packet(STRANGER, remote_port=443, who=program), PLAN, erp, out=False)


def test_a_rule_for_what_comes_in_means_this_devices_port() -> None:
    rule = Allowed(Allowance(name="rdp", direction="in", protocol="tcp", ports=(3389,)))
    assert everywhere(Packet(STRANGER, remote_port=50_000, local_port=3389), PLAN, rule, out=False)
    assert not everywhere(Packet(STRANGER, remote_port=3389), PLAN, rule, out=False)
    assert not everywhere(Packet(STRANGER, remote_port=3389), PLAN, rule)


def test_ports_without_a_protocol_are_those_of_tcp_and_udp() -> None:
    rule = Allowed(Allowance(name="eight", ports=(8,)))
    assert everywhere(Packet(STRANGER, TCP, 8), PLAN, rule)
    assert everywhere(Packet(STRANGER, UDP, 8), PLAN, rule)
    assert not everywhere(Packet(STRANGER, ICMP, 8, 8), PLAN, rule)


def test_a_network_of_all_of_one_version_opens_that_version_alone() -> None:
    rule = Allowed(Allowance(name="four", network="0.0.0.0/0"))
    assert everywhere(Packet(STRANGER, remote_port=1), PLAN, rule)
    assert not everywhere(Packet("2001:db8::9", remote_port=1), PLAN, rule)


def test_what_is_no_network_is_refused_with_the_rules_name() -> None:
    with pytest.raises(Failed, match="the rule x was not taken: 10.0.0.0/33 is no network"):
        rules(PLAN, SHIM, [Allowed(Allowance(name="x", network="10.0.0.0/33"))])


def test_at_boot_all_layers_are_shut_but_for_what_a_network_needs() -> None:
    found = boot()
    assert {rule.layer for rule in found if not rule.permit} == set(LAYERS)
    assert all(rule.boot for rule in found)
    assert not passes(found, "connect", Packet(BROKER, remote_port=8443, who=OWN))
    assert passes(found, "connect", Packet("255.255.255.255", UDP, 67, 68))
    assert passes(found, "received", Packet("fe80::1", ICMP6, 0, 135))


def test_boot_filters_are_the_same_in_every_isolation() -> None:
    other = Plan(frozenset({(ip_address("203.0.113.5"), 1)}), frozenset())
    assert [one for one in rules(other, SHIM, ()) if one.boot] == boot()


def test_no_filter_comes_twice_and_the_order_of_sets_changes_nothing() -> None:
    both = [
        Allowed(Allowance(name="a", ports=(443, 80))),
        Allowed(Allowance(name="a", ports=(443, 80))),
    ]
    found = [rule.line() for rule in rules(PLAN, SHIM, both)]
    assert len(found) == len(set(found))


def test_a_rules_name_is_shown_whatever_is_in_it_and_never_longer_than_the_engine_takes() -> None:
    rule = Allowed(Allowance(name="a\0b\n" + "c" * 250))
    (name,) = {one.name for one in rules(PLAN, SHIM, [rule]) if one.name.startswith("rule")}
    assert name.startswith(r"rule a\x00b\x0ac") and len(name) == 150


def test_a_name_with_a_line_end_stays_on_its_line() -> None:
    (line,) = {Rule("sent4", True, 15, name='a"\nsent4 block').line()}
    assert line == r'sent4 permit 15 kept () "a\"\nsent4 block"'
