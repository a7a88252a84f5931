"""Ends the TCP connections that an isolation does not let pass, as their programs see it.

The packet filter stops every packet of theirs anyhow; this makes the programs notice at once, an
attacker's shell among them, and counts them.
"""

import contextlib
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Plan
from endpoint_shim.linux import sock_diag
from endpoint_shim.linux.sock_diag import Connection


def end(plan: Plan, groups: frozenset[int] = frozenset()) -> int:
    """Ends them; how many stood, also where the kernel leaves their end to the filter.

    `groups`: the control groups of programs that a rule lets pass.
    """
    found = _stopped(plan, groups)
    for one in found:
        with contextlib.suppress(OSError):  # dropped all the same
            sock_diag.destroy(one)
    return sum(not one.opening for one in found)


def doomed(plan: Plan, groups: frozenset[int] = frozenset()) -> list[Connection]:
    """Those that stand, and that it would end."""
    return [one for one in _stopped(plan, groups) if not one.opening]


def _stopped(plan: Plan, groups: frozenset[int]) -> list[Connection]:
    own = own_addresses()
    return [one for one in sock_diag.connections() if not passes(plan, one, own, groups)]


def passes(
    plan: Plan,
    one: Connection,
    own: frozenset[IPv4Address | IPv6Address],
    groups: frozenset[int] = frozenset(),
) -> bool:
    """Whether it may go on, as far as its ends tell: a rule for a service is the filter's alone."""
    if one.far.is_loopback or one.far in own or one.far in plan.outer:
        return True
    if (one.far, one.far_port) in plan.brokers | plan.own:
        return True
    return any(_allows(rule, one, groups) for rule in plan.rules)


def own_addresses() -> frozenset[IPv4Address | IPv6Address]:
    """This device's: what goes to them never leaves it."""
    # On demand, as everywhere in the shim.
    import psutil

    texts = (one.address for each in psutil.net_if_addrs().values() for one in each)
    found = set()
    for text in texts:
        with contextlib.suppress(ValueError):  # a hardware address
            found.add(ip_address(text.partition("%")[0]))
    return frozenset(found)


def _allows(rule: Allowance, one: Connection, groups: frozenset[int]) -> bool:
    if rule.protocol == "udp" or rule.of_windows:
        return False
    if (rule.process or rule.package) and one.group not in groups:
        return False
    if not (rule.network or rule.service or rule.process or rule.package):
        return False
    if rule.network:
        network = ip_network(rule.network, strict=False)
        if one.far.version != network.version or one.far not in network:
            return False
    if not rule.ports:
        return True
    outward = rule.direction != "in" and one.far_port in rule.ports
    return outward or (rule.direction != "out" and one.near_port in rule.ports)
