"""Which connections an isolation ends, and that the kernel ends them."""

import contextlib
import os
import socket
from ipaddress import ip_address

import pytest

from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Plan
from endpoint_shim.linux import cut, sock_diag
from endpoint_shim.linux.sock_diag import Connection

OWN = frozenset({ip_address("192.0.2.20")})
PLAN = Plan(
    brokers=frozenset({(ip_address("192.0.2.7"), 8443)}),
    resolvers=frozenset(),
    rules=(
        Allowance(name="web", network="198.51.100.0/24", protocol="tcp", ports=(443,)),
        Allowance(name="ssh", network="203.0.113.0/24", direction="in", ports=(22,)),
        Allowance(name="dns", network="0.0.0.0/0", protocol="udp", ports=(53,)),
        Allowance(name="Outlook", process="outlook.exe", ports=(443,)),
    ),
    outer=frozenset({ip_address("203.0.113.1")}),
    own=frozenset({(ip_address("192.0.2.80"), 3128)}),
)


def to(far: str, far_port: int, near_port: int = 50_000) -> Connection:
    return Connection(ip_address("192.0.2.20"), near_port, ip_address(far), far_port, 2, b"")


@pytest.mark.parametrize(
    "one",
    [
        to("192.0.2.7", 8443),
        to("192.0.2.80", 3128),
        to("203.0.113.1", 1),
        to("127.0.0.1", 5),
        to("192.0.2.20", 5),
        to("198.51.100.9", 443),
        to("203.0.113.77", 60_000, near_port=22),
    ],
)
def test_what_may_pass_goes_on(one: Connection) -> None:
    assert cut.passes(PLAN, one, OWN)


@pytest.mark.parametrize(
    "one",
    [
        to("192.0.2.7", 443),
        to("192.0.2.80", 80),
        to("198.51.100.9", 80),
        to("203.0.113.77", 22),
        to("203.0.113.77", 60_000, near_port=23),
        to("192.0.2.9", 443),
        to("192.0.2.9", 53),
        to("2001:db8::9", 443),
    ],
)
def test_what_may_not_is_ended(one: Connection) -> None:
    assert not cut.passes(PLAN, one, OWN)


def test_the_devices_own_addresses_are_known() -> None:
    assert ip_address("127.0.0.1") in cut.own_addresses()


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_the_kernels_list_has_both_ends_and_listeners_are_none(
    family: socket.AddressFamily, host: str
) -> None:
    with socket.socket(family) as server:
        server.bind((host, 0))
        server.listen()
        with socket.create_connection(server.getsockname()[:2]) as near, server.accept()[0]:
            ends = {(one.near_port, one.far_port) for one in sock_diag.connections()}
            one, other = near.getsockname()[1], server.getsockname()[1]
            assert {(one, other), (other, one)} <= ends
            assert (other, 0) not in ends


def test_one_that_ended_already_is_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        port = near.getsockname()[1]
        (found,) = [one for one in sock_diag.connections() if one.near_port == port]
        server.accept()[0].close()
        near.close()
    assert sock_diag.destroy(found) is False


@pytest.mark.skipif(os.geteuid() != 0, reason="ending a socket needs root")
def test_a_socket_of_udp_is_known_by_its_number_and_ends_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", 9))
        number = os.fstat(one.fileno()).st_ino
        (found,) = [each for each in sock_diag.connections(sock_diag.UDP) if each.inode == number]
        assert (found.far_port, found.group > 0) == (9, True)
        assert sock_diag.destroy(found)
        with pytest.raises(ConnectionAbortedError):
            one.recv(1)


def test_of_a_program_only_what_it_made_inside_its_group_goes_on() -> None:
    rule = Allowance(name="mail", process="mailer", protocol="tcp", ports=(443,))
    plan = Plan(PLAN.brokers, frozenset(), (rule,))
    inside = to("203.0.113.77", 443)._replace(group=7)
    assert cut.passes(plan, inside, OWN, frozenset({7}))
    for other in (inside._replace(group=8), inside._replace(far_port=80)):
        assert not cut.passes(plan, other, OWN, frozenset({7}))


def test_an_ipv4_connection_of_an_ipv6_socket_is_ipv4_on_the_wire() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            found = [one for one in sock_diag.connections() if one.near_port == port]
            assert [one.far.version for one in found] == [4]


def test_a_connection_that_nobody_answers_is_none_that_ends() -> None:
    with contextlib.ExitStack() as held:
        full = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        asking = [held.enter_context(socket.socket()) for _ in range(3)]
        for one in asking:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(full.getsockname())
        ports = [one.getsockname()[1] for one in asking]
        found = {one.near_port: one.opening for one in sock_diag.connections()}
        assert [found[port] for port in ports] == [False, True, True]
