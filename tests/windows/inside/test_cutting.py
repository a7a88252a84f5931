"""Which connections an isolation ends, and the row that Windows is told."""

import socket
from ipaddress import ip_address

import pytest

from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Plan
from endpoint_shim.windows.cutting import (
    Connection,
    cut,
    doomed,
    own_addresses,
    passes,
    row,
)

OWN = frozenset({ip_address("192.0.2.20")})
RULES = (
    Allowance(name="web", network="198.51.100.0/24", protocol="tcp", ports=(443,)),
    Allowance(name="rdp", direction="in", ports=(3389,)),
    Allowance(name="dns", protocol="udp", ports=(22,)),
)
PLAN = Plan(
    brokers=frozenset({(ip_address("192.0.2.7"), 8443)}),
    resolvers=frozenset(),
    rules=RULES,
    outer=frozenset({ip_address("203.0.113.1")}),
    own=frozenset({(ip_address("192.0.2.80"), 3128)}),
)


def to(far: str, far_port: int, near_port: int = 50_000) -> Connection:
    return Connection(ip_address("192.0.2.20"), near_port, ip_address(far), far_port)


@pytest.mark.parametrize(
    "one",
    [
        to("192.0.2.7", 8443),
        to("192.0.2.80", 3128),
        to("203.0.113.1", 1),
        to("127.0.0.1", 5),
        to("192.0.2.20", 5),
        to("198.51.100.9", 443),
        to("203.0.113.77", 60_000, near_port=3389),
    ],
)
def test_what_may_pass_goes_on(one: Connection) -> None:
    assert passes(PLAN, one, OWN)


@pytest.mark.parametrize(
    "one",
    [
        to("192.0.2.7", 443),
        to("198.51.100.9", 80),
        to("203.0.113.77", 443),
        to("203.0.113.77", 3389),
        to("203.0.113.77", 22),
        to("2001:db8::9", 443),
    ],
)
def test_what_may_not_is_ended(one: Connection) -> None:
    assert not passes(PLAN, one, OWN)


def test_ends_lie_in_the_row_as_they_do_on_the_wire() -> None:
    told = bytes(row(to("198.51.100.9", 443, near_port=0x1234)))
    assert told == bytes.fromhex("0c000000 c0000214 12340000 c6336409 01bb0000")


def test_with_a_rule_for_everything_and_within_the_device_nothing_is_cut() -> None:
    """Nothing narrower: on a real Windows this runs on somebody's own machine."""
    everything = Allowance(name="all", direction="both")
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    with server, client, accepted:
        assert cut(Plan(frozenset(), frozenset(), (everything,))) == 0
        ends = doomed(Plan(frozenset(), frozenset()))
        assert not [one for one in ends if one.far.is_loopback]
        client.sendall(b"on")
        assert accepted.recv(2) == b"on"
    assert ip_address("127.0.0.1") in own_addresses()
