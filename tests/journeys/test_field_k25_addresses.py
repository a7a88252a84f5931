"""Field reports k25, `ndp-dhcp`: an isolated device keeps its neighbours, addresses and sizes."""

import ipaddress
import json
import socket
import struct
from collections.abc import Iterator

import pytest

from endpoint_shim.firewall import Plan
from endpoint_shim.linux.firewall import LinuxFirewall
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT, cable, hosts
from tests.journeys.apart import DEVICE, Apart, apart
from tests.journeys.rig import until

pytestmark = [PROGRAMS, ROOT, pytest.mark.needs("ssh"), pytest.mark.timeout(120)]
PREFIX, SHORT_S, LONG_S = "2001:db8:7::", 60, 3600
ALL_NODES, ALL_AGENTS = "ff02::1", "ff02::1:2"
ROUTER_ADVERTISEMENT, PREFIX_OPTION = 134, 3
BIND = socket.SO_BINDTODEVICE
WAIT_S = 10


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    with apart(tmp_path_factory.mktemp("k25"), six=True) as made:
        until("the device has the address", lambda: advertised(made, SHORT_S) > 0)
        assert "broker reached anew" in made.isolate()
        yield made


def advertised(here: Apart, seconds: int) -> int:
    """A router says how long its prefix is good (RFC 4861, 4.2 and 4.6.2): the lifetime then."""
    head = struct.pack("!BBHBBHII", ROUTER_ADVERTISEMENT, 0, 0, 64, 0, 0, 0, 0)
    prefix = struct.pack("!BBBBIII", PREFIX_OPTION, 4, 64, 0xC0, seconds, seconds, 0)
    packed = ipaddress.ip_address(PREFIX).packed
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as one:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        index = socket.if_nametoindex(here.network.near)
        one.sendto(head + prefix + packed, (ALL_NODES, 0, 0, index))
    return lifetime(here)


def lifetime(here: Apart) -> int:
    """How long the address that the router gave is good; 0 where there is none."""
    links = json.loads(here.device.ip("-j", "-6", "addr", "show", "dev", here.network.far))
    return next(
        (
            int(one["valid_life_time"])
            for one in links[0]["addr_info"]
            if one["local"].startswith(PREFIX.rstrip(":"))
        ),
        0,
    )


def test_ndp_dhcp_a_new_connection_over_version_6_finds_its_neighbours_anew(here: Apart) -> None:
    here.device.ip("-6", "neigh", "flush", "all")
    assert '"pid":1' in here.ask("processes -pid 1 -output json").replace(" ", "")
    here.house.kill_shim(DEVICE)
    here.device.ip("-6", "neigh", "flush", "all")
    here.house.start_shim(DEVICE)
    assert here.isolated


def test_ndp_dhcp_a_router_renews_the_devices_address(here: Apart) -> None:
    assert 0 < lifetime(here) <= SHORT_S
    until("it is renewed", lambda: advertised(here, LONG_S) > SHORT_S)


@pytest.mark.parametrize("six", [False, True])
def test_ndp_dhcp_a_lease_is_asked_for_and_answered(here: Apart, *, six: bool) -> None:
    near, far = here.network.near, here.network.far
    family = socket.AF_INET6 if six else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, BIND, near.encode())
        server.settimeout(WAIT_S)
        with here.device.inside():
            client = socket.socket(family, socket.SOCK_DGRAM)
            index = socket.if_nametoindex(far)
        with client:
            client.settimeout(WAIT_S)
            client.setsockopt(socket.SOL_SOCKET, BIND, far.encode())
            if six:
                group = socket.inet_pton(family, ALL_AGENTS)
                joined = group + struct.pack("@I", socket.if_nametoindex(near))
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)
                server.bind(("::", 547))
                client.bind(("::", 546))
                client.sendto(b"solicit", (ALL_AGENTS, 547, 0, index))
            else:
                for one in (server, client):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                server.bind(("", 67))
                client.bind(("", 68))
                client.sendto(b"solicit", ("255.255.255.255", 67))
            data, asker = server.recvfrom(100)
            assert data == b"solicit"
            server.sendto(b"reply", asker if six else ("255.255.255.255", 68))
            assert client.recv(100) == b"reply"


def test_ndp_dhcp_what_is_too_big_on_the_way_is_told_in_both_versions() -> None:
    """A narrow link between two routers: only their word of it lets a full packet shrink."""
    brokers = ("198.51.100.1", "2001:db8:c::1")
    with hosts("dev", "r1", "r2", "broker") as (device, first, second, broker):
        cable(device, first, ("d0", "a0"), ("192.0.2.2/24", "192.0.2.1/24"),
              ("2001:db8:a::2/64", "2001:db8:a::1/64"))  # fmt: skip
        cable(first, second, ("b0", "c0"), ("203.0.113.1/24", "203.0.113.2/24"),
              ("2001:db8:b::1/64", "2001:db8:b::2/64"))  # fmt: skip
        cable(second, broker, ("e0", "f0"), ("198.51.100.2/24", "198.51.100.1/24"),
              ("2001:db8:c::2/64", "2001:db8:c::1/64"))  # fmt: skip
        for host, link in ((first, "b0"), (second, "c0")):
            host.ip("link", "set", link, "mtu", "1280")
            host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for host, four, six in (
            (device, "192.0.2.1", "2001:db8:a::1"),
            (first, "203.0.113.2", "2001:db8:b::2"),
            (second, "203.0.113.1", "2001:db8:b::1"),
            (broker, "198.51.100.2", "2001:db8:c::2"),
        ):
            host.ip("route", "add", "default", "via", four)
            host.ip("-6", "route", "add", "default", "via", six)
        places = frozenset((ipaddress.ip_address(one), 8443) for one in brokers)
        with device.inside():
            LinuxFirewall().apply(Plan(brokers=places, resolvers=frozenset()))
        for address in brokers:
            with broker.listens(address, 8443) as door:
                line = device.connects(address, 8443)
                far, _ = door.accept()
                with line, far:
                    line.sendall(bytes(100_000))
                    line.shutdown(socket.SHUT_WR)
                    far.settimeout(WAIT_S)
                    assert received(far) == 100_000


def received(far: socket.socket) -> int:
    """Everything to its end."""
    size = 0
    while data := far.recv(65_536):
        size += len(data)
    return size
