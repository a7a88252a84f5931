"""The plan as nft reads it, without a kernel."""

from ipaddress import ip_address

import pytest

from commands.language.errors import Failed
from commands.language.wire_contain import Allowance, left_out
from endpoint_shim.firewall import Plan
from endpoint_shim.linux import isolation_table

BROKER = frozenset({(ip_address("192.0.2.1"), 8443)})


def text(*rules: Allowance, groups: dict[str, tuple[str, ...]] | None = None) -> str:
    plan = Plan(BROKER, frozenset(), tuple(rules))
    return isolation_table.text(plan, groups or {}, bridges=False)


def chain(whole: str, name: str) -> list[str]:
    lines = whole.partition(f"\tchain {name} {{\n")[2].partition("\t}\n")[0].splitlines()
    return [line.strip() for line in lines]


def test_every_chain_drops_what_it_does_not_name() -> None:
    whole = text()
    for name in ("input", "output", "forward"):
        assert "policy drop;" in chain(whole, name)[0]
    assert len(chain(whole, "forward")) == 1
    assert "established" not in whole


def test_it_replaces_itself_in_one_transaction() -> None:
    name = f"table inet {isolation_table.NAME}"
    assert text().startswith(f"{name}\ndelete {name}\n{name} {{\n")


def test_bridges_are_only_spoken_of_where_there_are_any() -> None:
    plan = Plan(BROKER, frozenset())
    assert "table bridge" not in isolation_table.text(plan, {}, bridges=False)
    assert "table bridge" in isolation_table.text(plan, {}, bridges=True)


def test_input_is_judged_before_nat_and_output_behind_it() -> None:
    assert "priority -450" in chain(text(), "input")[0]
    assert "priority 300" in chain(text(), "output")[0]


def test_the_broker_may_answer_and_not_dial() -> None:
    rule = next(line for line in chain(text(), "input") if "192.0.2.1 tcp sport" in line)
    assert rule == (
        "ip saddr 192.0.2.1 tcp sport 8443 tcp flags & (fin | syn | rst | ack) != syn accept"
    )


def test_a_tunnels_far_end_cannot_dial_in_and_is_not_pinged() -> None:
    plan = Plan(BROKER, frozenset(), outer=frozenset({ip_address("203.0.113.1")}))
    whole = isolation_table.text(plan, {}, bridges=False)
    assert [line for line in chain(whole, "input") if "saddr 203.0.113.1" in line] == [
        "ip saddr 203.0.113.1 meta l4proto != { icmp, tcp, ipv6-icmp } accept",
        "ip saddr 203.0.113.1 tcp flags & (fin | syn | rst | ack) != syn accept",
    ]


def test_an_order_of_sets_makes_no_other_table() -> None:
    one = Plan(frozenset({(ip_address(f"192.0.2.{n}"), 1) for n in (3, 20, 100)}), frozenset())
    other = Plan(frozenset({(ip_address(f"192.0.2.{n}"), 1) for n in (100, 3, 20)}), frozenset())
    assert isolation_table.text(one, {}, bridges=False) == isolation_table.text(
        other, {}, bridges=False
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (Allowance(name="web", process="bin/curl"), "bin/curl is no whole path"),
        (Allowance(name="web", process="curl", package="curl"), "names more than one of program"),
        (Allowance(name="web", process="curl", service="curl"), "names more than one of program"),
        (Allowance(name="web"), "neither a network nor a program, package or service"),
        (Allowance(name="web", ports=(443,)), "neither a network nor a program, package or"),
        (Allowance(name="web", network="10.0.0.0/99"), "10.0.0.0/99 is no network"),
        (Allowance(name="web", network="any; flush ruleset"), "is no network"),
        (Allowance(name="web", service='x" accept'), "is no systemd unit"),
    ],
)
def test_what_cannot_be_matched_is_refused_by_name(rule: Allowance, says: str) -> None:
    with pytest.raises(Failed, match="rule web") as refused:
        isolation_table.check((rule,))
    assert says in str(refused.value)
    with pytest.raises(Failed, match="rule web"):
        text(rule)


def test_a_program_of_windows_is_left_out_and_said() -> None:
    outlook = Allowance(name="Outlook", process="outlook.exe", protocol="tcp", ports=(443,))
    teams = Allowance(name="Teams", package="MSTeams_8wekyb3d8bbwe")
    assert text(outlook, teams) == text()
    said = "left out, for they name programs of Windows: Outlook, Teams"
    web = Allowance(name="x", network="10.0.0.0/8")
    assert left_out((outlook, web, teams)) == said
    none = "none of its rules applies to Linux, for they name programs of Windows: Outlook, Teams"
    assert left_out((outlook, teams)) == none
    assert left_out((web,)) == left_out(()) == ""


def test_a_service_is_its_control_group() -> None:
    rule = Allowance(name="mail", service="postfix", network="203.0.113.0/24", ports=(25,))
    whole = text(rule, groups={"postfix.service": ("system.slice/postfix.service",)})
    group = 'socket cgroupv2 level 2 "system.slice/postfix.service"'
    assert f"{group} ip daddr 203.0.113.0/24 tcp dport {{ 25 }} ct direction original accept" in (
        chain(whole, "output")
    )
    assert f"{group} ip saddr 203.0.113.0/24 tcp sport {{ 25 }} ct direction reply accept" in (
        chain(whole, "input")
    )


def test_a_program_is_the_groups_that_it_is_put_into() -> None:
    rules = (
        Allowance(name="calls", process="teams", protocol="udp", ports=(3478,)),
        Allowance(name="mail", package="evolution", network="203.0.113.0/24"),
    )
    assert isolation_table.selectors(rules) == ("package evolution", "process teams")
    whole = text(*rules, groups={"process teams": ("pass/1", "pass/0-1")})
    assert [line for line in chain(whole, "output") if "cgroupv2" in line] == [
        'socket cgroupv2 level 2 "pass/1" udp dport { 3478 } ct direction original accept',
        'socket cgroupv2 level 2 "pass/0-1" udp dport { 3478 } ct direction original accept',
    ]
    assert text(*rules) == text()  # nothing here that tells programs apart


def test_a_service_that_does_not_run_opens_nothing_and_holds_nothing_up() -> None:
    rule = Allowance(name="mail", service="postfix", network="203.0.113.0/24", ports=(25,))
    assert text(rule, groups={}) == text()


def test_a_rule_for_one_family_says_nothing_of_the_other() -> None:
    whole = text(Allowance(name="six", network="2001:db8::/32", protocol="udp", ports=(53,)))
    assert "ip6 daddr 2001:db8::/32 udp dport { 53 } ct direction original accept" in whole
    assert "tcp dport { 53 }" not in whole


def test_where_a_vpns_port_sends_is_recorded_first_and_open_to_that_port_alone() -> None:
    plan = Plan(
        BROKER, frozenset(), ports=frozenset({1194}),
        sends=frozenset({(1194, ip_address("203.0.113.1"))}),
    )  # fmt: skip
    whole = isolation_table.text(plan, {}, bridges=False)
    assert whole.count("\tset sent_ip") == 2 and "set sent" not in text()
    assert chain(whole, "output")[1] == ("udp sport 1194 update @sent_ip { udp sport . ip daddr }")
    open_to = [line for line in chain(whole, "output") if "203.0.113.1" in line]
    assert open_to == ["ip daddr 203.0.113.1 udp sport 1194 accept"]
    assert "ip saddr 203.0.113.1 udp dport 1194 accept" in chain(whole, "input")
