"""The isolating table in the kernel, with real traffic between network namespaces."""

import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Plan
from endpoint_shim.linux import firewall, links, program_pass, resolvers
from endpoint_shim.linux.firewall import LinuxFirewall
from endpoint_shim.linux.program_pass import ProgramPass
from endpoint_shim.own_mark import MARK
from tests.endpoint_shim.linux.containers import publish
from tests.endpoint_shim.linux.nets import PROGRAMS, ROOT, Host, cable, hosts

pytestmark = [PROGRAMS, ROOT]
BROKER, BROKER6, ATTACKER = "192.0.2.1", "2001:db8::1", "192.0.2.66"
DEVICE, DEVICE6 = "192.0.2.2", "2001:db8::2"
PLAN = Plan(
    brokers=frozenset({(ip_address(BROKER), 8443), (ip_address(BROKER6), 8443)}),
    resolvers=frozenset({ip_address(ATTACKER)}),
)
ADMIN = """table inet admin_fw {
	chain early { type filter hook input priority -300; policy accept; tcp dport 2222 accept; }
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif lo accept
		ip saddr 192.0.2.0/24 counter accept
		meta l4proto icmpv6 accept
	}
	chain output { type filter hook output priority -500; policy accept; accept; }
}
"""
CALL = (
    "from ipaddress import ip_address; from endpoint_shim.firewall import Plan;"
    "from endpoint_shim.linux.firewall import LinuxFirewall;"
    "LinuxFirewall()."
)
APPLY = (
    *(sys.executable, "-I", "-c"),
    f"{CALL}apply(Plan(frozenset({{(ip_address('192.0.2.9'), 8443)}}), frozenset()))",
)
REMOVE = (sys.executable, "-I", "-c", f"{CALL}remove()")


class Two:
    """A device and the world, with the broker's port and the attacker's open there."""

    def __init__(self, device: Host, world: Host) -> None:
        self.device, self.world = device, world
        cable(
            device, world, ("d0", "w0"),
            (f"{DEVICE}/24", f"{BROKER}/24"), (f"{DEVICE6}/64", f"{BROKER6}/64"),
        )  # fmt: skip
        world.ip("addr", "add", f"{ATTACKER}/24", "dev", "w0")
        self.broker = world.listens(BROKER, 8443)
        self.broker6 = world.listens(BROKER6, 8443)
        self.attacker = world.listens(ATTACKER, 4444)
        self.own = device.listens(DEVICE, 2222)
        self.firewall = LinuxFirewall()

    def isolate(self, plan: Plan = PLAN) -> int:
        with self.device.inside():
            self.firewall.apply(plan)
            return self.firewall.cut(plan)

    def release(self) -> None:
        with self.device.inside():
            self.firewall.remove()

    def close(self) -> None:
        for one in (self.broker, self.broker6, self.attacker, self.own):
            one.close()


def _dial_from(host: Host, address: str, port: int) -> None:
    """To the device, from an address and port that it may answer to."""
    with host.inside():
        one = socket.socket()
    with one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.settimeout(0.5)
        one.bind((address, port))
        one.connect((DEVICE, 2222))


@pytest.fixture
def two() -> Iterator[Two]:
    with hosts("dev", "world") as (device, world):
        made = Two(device, world)
        yield made
        made.close()


def test_only_the_broker_is_reached_and_nobody_reaches_the_device(two: Two) -> None:
    assert two.device.reaches(ATTACKER, 4444) and two.world.reaches(DEVICE, 2222)
    assert two.device.pings(ATTACKER) and two.device.pings(BROKER6)
    two.isolate()
    assert two.device.reaches(BROKER, 8443) and two.device.reaches(BROKER6, 8443)
    assert not two.device.reaches(ATTACKER, 4444)
    assert not two.world.reaches(DEVICE, 2222)
    assert not two.device.pings(ATTACKER) and not two.device.pings(BROKER)
    assert not two.device.pings(BROKER6) and not two.world.pings(DEVICE)
    two.release()
    assert two.device.reaches(ATTACKER, 4444) and two.world.reaches(DEVICE, 2222)


def test_other_ports_of_the_brokers_host_stay_closed_and_it_cannot_dial_in(two: Two) -> None:
    with two.world.listens(BROKER, 22):
        two.isolate()
        assert not two.device.reaches(BROKER, 22)
    two.broker.close()
    with pytest.raises(TimeoutError):
        _dial_from(two.world, BROKER, 8443)


def test_an_established_connection_ends_on_the_device_and_is_counted(two: Two) -> None:
    shell = two.device.connects(ATTACKER, 4444)
    far, _ = two.attacker.accept()
    inward = two.world.connects(DEVICE, 2222)
    near, _ = two.own.accept()
    line = two.device.connects(BROKER, 8443)
    there, _ = two.broker.accept()
    with shell, far, inward, near, line, there:
        assert two.isolate() == 2
        with pytest.raises(ConnectionAbortedError):
            shell.recv(1)
        with pytest.raises(ConnectionAbortedError):
            near.recv(1)
        far.settimeout(0.5)
        far.send(b"id\n")
        with pytest.raises(TimeoutError):  # no end came through either
            far.recv(1)
        line.send(b"beat")
        assert there.recv(4) == b"beat"
        there.send(b"echo")
        assert line.recv(4) == b"echo"


def test_a_connection_that_only_the_filter_can_end_carries_nothing_either(two: Two) -> None:
    shell = two.device.connects(ATTACKER, 4444)
    far, _ = two.attacker.accept()
    with shell, far, two.device.inside():
        two.firewall.apply(PLAN)  # and nothing is cut
        shell.send(b"secret")
        far.settimeout(0.5)
        with pytest.raises(TimeoutError):
            far.recv(6)
        far.send(b"order")
        shell.settimeout(0.5)
        with pytest.raises(TimeoutError):
            shell.recv(5)


def test_an_administrators_rules_neither_reopen_it_nor_change(two: Two) -> None:
    two.device.run("nft", "-f", "-", given=ADMIN)
    before = two.device.run("nft", "-s", "list", "ruleset")
    two.isolate()
    assert not two.world.reaches(DEVICE, 2222)
    assert not two.device.reaches(ATTACKER, 4444)
    assert two.device.reaches(BROKER, 8443)
    during = two.device.run("nft", "-s", "list", "table", "inet", "admin_fw")
    two.release()
    assert two.device.run("nft", "-s", "list", "ruleset") == before
    assert during == before


def test_names_are_asked_for_by_the_shim_alone(two: Two) -> None:
    two.isolate()
    with two.world.inside():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with two.device.inside():
        own, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with server, own, other:
        server.bind((ATTACKER, 53))
        server.settimeout(0.5)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        own.sendto(b"question", (ATTACKER, 53))
        data, there = server.recvfrom(100)
        assert data == b"question"
        server.sendto(b"answer", there)
        own.settimeout(5)
        assert own.recv(100) == b"answer"
        with pytest.raises(PermissionError):  # dropped on its way out
            other.sendto(b"tunnel", (ATTACKER, 53))
        with two.device.inside():
            os.seteuid(65534)
            try:
                forged = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            finally:
                os.seteuid(0)
        with forged:  # as of a program that may send raw packets, and so set marks
            forged.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
            with pytest.raises(PermissionError):
                forged.sendto(b"tunnel", (ATTACKER, 53))


def test_what_is_the_shims_alone_is_closed_to_others(two: Two) -> None:
    proxy = Plan(
        brokers=frozenset(), resolvers=frozenset(), own=frozenset({(ip_address(ATTACKER), 4444)})
    )
    two.isolate(proxy)
    assert not two.device.reaches(ATTACKER, 4444)
    with two.device.inside():
        own = socket.socket()
    with own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        own.settimeout(5)
        own.connect((ATTACKER, 4444))


def test_neighbours_are_found_anew_over_both_protocols(two: Two) -> None:
    two.isolate()
    two.device.ip("neigh", "flush", "all")
    two.device.ip("-6", "neigh", "flush", "all")
    two.world.ip("-6", "neigh", "flush", "all")
    assert two.device.reaches(BROKER6, 8443, 5) and two.device.reaches(BROKER, 8443, 5)


def test_a_bridge_that_is_made_while_isolated_passes_nothing_on(two: Two) -> None:
    two.isolate()
    with hosts("box") as (box,):
        cable(two.device, box, ("h0", "b0"))
        box.ip("addr", "add", "192.0.2.50/24", "dev", "b0")
        two.device.ip("link", "add", "br0", "type", "bridge")
        # Else the bridge has the rules of routed packets asked, too.
        two.device.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
        for name in ("d0", "h0"):
            two.device.ip("link", "set", name, "master", "br0")
        two.device.ip("link", "set", "br0", "up")
        assert not box.reaches(ATTACKER, 4444)
        two.release()
        assert box.reaches(ATTACKER, 4444, 5)


def test_the_ports_of_dhcp_lead_nowhere_but_to_the_link(two: Two) -> None:
    far = "203.0.113.5"
    two.world.ip("addr", "add", f"{far}/32", "dev", "lo")
    two.device.ip("route", "add", "default", "via", BROKER)
    with two.device.inside():
        plan = replace(PLAN, links=links.near())
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    two.isolate(plan)
    with two.world.inside():
        server, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with own, server, other:
        own.bind((DEVICE, 68))
        own.settimeout(0.5)
        server.bind((BROKER, 67))
        server.settimeout(5)
        other.bind((far, 67))
        own.sendto(b"renew", (BROKER, 67))
        assert server.recv(9) == b"renew"
        with pytest.raises(PermissionError):
            own.sendto(b"tunnel", (far, 67))
        other.sendto(b"order", (DEVICE, 68))
        with pytest.raises(TimeoutError):
            own.recv(9)
        server.sendto(b"lease", (DEVICE, 68))
        assert own.recv(9) == b"lease"


def test_selective_rules_open_what_they_name_and_answers_only(two: Two) -> None:
    rule = Allowance(name="web", network=f"{ATTACKER}/32", protocol="tcp", ports=(4444,))
    plan = Plan(PLAN.brokers, frozenset(), (rule,))
    with two.world.listens(ATTACKER, 4445):
        two.isolate(plan)
        assert two.device.reaches(ATTACKER, 4444)
        assert not two.device.reaches(ATTACKER, 4445)
    two.attacker.close()
    with pytest.raises(TimeoutError):  # from the port that is open, but it is they who dial
        _dial_from(two.world, ATTACKER, 4444)


def test_an_inward_rule_lets_others_in_and_nothing_out(two: Two) -> None:
    rule = Allowance(
        name="admins", network="192.0.2.0/24", protocol="tcp", ports=(2222,), direction="in"
    )
    two.isolate(Plan(PLAN.brokers, frozenset(), (rule,)))
    assert two.world.reaches(DEVICE, 2222)
    assert not two.device.reaches(ATTACKER, 4444)


def test_selective_takes_effect_at_once_on_an_isolated_device(two: Two) -> None:
    two.isolate()
    assert not two.device.reaches(ATTACKER, 4444)
    rule = Allowance(name="web", network=f"{ATTACKER}/32", protocol="tcp", ports=(4444,))
    two.isolate(Plan(PLAN.brokers, frozenset(), (rule,)))
    assert two.device.reaches(ATTACKER, 4444)
    two.isolate()
    assert not two.device.reaches(ATTACKER, 4444)


def test_it_is_isolated_before_it_looks_for_programs(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def begin(programs: ProgramPass, rules: tuple[Allowance, ...]) -> dict[str, tuple[str, ...]]:
        seen.append(two.device.reaches(ATTACKER, 4444))
        return {}

    monkeypatch.setattr(ProgramPass, "begin", begin)
    two.isolate(Plan(PLAN.brokers, frozenset(), (Allowance(name="mail", process="mailer"),)))
    assert seen == [False]


RULES = (
    Allowance(name="Outlook", process="outlook.exe"),
    Allowance(name="Teams", package="teams"),
    Allowance(name="Skype", process="skype"),
)


def test_what_lets_nothing_pass_is_said_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    whys = {"Teams": "not installed here", "Skype": "others can write it"}
    monkeypatch.setattr(program_pass, "left_out", lambda _, rules: whys.items())
    each = "Outlook (of Windows); Teams (not installed here); Skype (others can write it)"
    assert firewall.left_out(RULES) == f"none of its rules applies here: {each}"
    web = Allowance(name="web", network="10.0.0.0/8")
    assert firewall.left_out((*RULES, web)) == f"left out: {each}"


def test_that_nobody_may_ask_for_names_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (resolv := tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    monkeypatch.setattr(resolvers, "RESOLV", resolv)
    monkeypatch.setattr(program_pass, "left_out", lambda _, rules: ())
    assert firewall.left_out(RULES[1:]) == ""  # no systemd-resolved here
    monkeypatch.setattr(firewall, "_group", lambda unit: f"system.slice/{unit}")
    names = "no rule lets systemd-resolved ask, so its programs find no names here"
    assert firewall.left_out(RULES[1:]) == names
    asks = Allowance(name="names", service="systemd-resolved", ports=(53,))
    assert firewall.left_out((*RULES[1:], asks)) == ""
    resolv.write_text("nameserver 192.0.2.53\n")
    assert firewall.left_out(RULES[1:]) == ""


def test_the_digest_is_the_rules_and_changes_with_them(two: Two) -> None:
    with two.device.inside():
        first = two.firewall.apply(PLAN)
        assert two.firewall.apply(PLAN) == first
        same = two.firewall.read()
        assert same is not None and same.sha256 == first.sha256
        two.device.run("nft", "add", "rule", "inet", "fireline_isolation", "output", "accept")
        changed = two.firewall.read()
        assert changed is not None and changed.sha256 != first.sha256
        two.device.run("nft", "flush", "ruleset")
        assert two.firewall.read() is None
        two.firewall.remove()


def test_containers_are_cut_off_both_ways_with_their_established_flows() -> None:
    with hosts("out", "host", "box") as (out, host, box):
        publish(out, host, box, ("192.0.2.1", "192.0.2.2"))
        before = host.run("nft", "-s", "list", "ruleset")
        with box.listens("172.17.0.2", 80) as web, out.listens("192.0.2.1", 4444) as attacker:
            flow = out.connects("192.0.2.2", 8080)
            inside, _ = web.accept()
            shell = box.connects("192.0.2.1", 4444)
            far, _ = attacker.accept()
            with flow, inside, shell, far:
                # As the guard runs: in the host, where /sys is the host's.
                host.run(*APPLY)
                assert not out.reaches("192.0.2.2", 8080)
                assert not box.reaches("192.0.2.1", 4444)
                for sender, receiver in ((flow, inside), (shell, far), (far, shell)):
                    receiver.settimeout(0.3)
                    sender.send(b"x")
                    with pytest.raises(TimeoutError):
                        receiver.recv(1)
            host.run(*REMOVE)
            assert host.run("nft", "-s", "list", "ruleset") == before
            assert out.reaches("192.0.2.2", 8080, 5)
