"""Isolation through the double of fwpuclnt.dll: every structure, call and transaction.

What the double shows it has read through mingw's own headers; it filters nothing, and what a
filter does is seen on no machine here.
"""

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from uuid import UUID

import pytest

from commands.language.errors import Failed
from commands.language.wire_contain import Allowance
from endpoint_shim.firewall import Plan
from endpoint_shim.windows import filter_native as native
from endpoint_shim.windows import filter_numbers as number
from endpoint_shim.windows import sids
from endpoint_shim.windows.accounts import own_sid
from endpoint_shim.windows.filter_engine import Engine
from endpoint_shim.windows.filter_rules import Rule
from endpoint_shim.windows.filter_values import Packed
from endpoint_shim.windows.firewall import WindowsFirewall

DOUBLE = Path(sys.base_prefix, "doubles/fwpuclnt.dll")
pytestmark = pytest.mark.skipif(not DOUBLE.exists(), reason="the double is the rig's")

PLAN = Plan(
    brokers=frozenset({(ip_address("192.0.2.7"), 8443), (ip_address("2001:db8::7"), 443)}),
    resolvers=frozenset({ip_address("192.0.2.53")}),
)
PYTHON = "\\device\\harddiskvolume3" + sys.executable[2:].lower()
SVCHOST = r"\device\harddiskvolume3\windows\system32\svchost.exe"
CALC = "S-1-15-2-466767348-3739614953-2700836392-1801644223-4227750657-1087833535-2488631167"
INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"


class Double:
    """The library, and what only a test may ask it."""

    def __init__(self) -> None:
        self.library = native.library(str(DOUBLE))
        for name in ("double_shown", "double_layout"):
            getattr(self.library, name).restype = ctypes.c_char_p
        self.library.double_reset()
        self.firewall = WindowsFirewall(self.library)

    def shown(self) -> list[str]:
        return str(self.library.double_shown().decode()).splitlines()

    def filters(self) -> list[str]:
        return [one for one in self.shown() if "weight=" in one and "sublayer" not in one]

    def calls(self) -> list[str]:
        words = ("open", "begin", "commit", "abort", "close")
        return [one.split()[0] for one in self.shown() if one.startswith(words)]

    def add_another(self, rule: Rule) -> None:
        """As another program would: into our sublayer."""
        packed = Packed(rule)
        packed.filter.provider = None
        with Engine(self.library) as engine, engine.transaction():
            status = self.library.FwpmFilterAdd0(engine._handle, packed.filter, None, None)
        assert status == 0


@pytest.fixture
def double() -> Iterator[Double]:
    yield Double()


def test_every_structure_lies_as_the_headers_have_it(double: Double) -> None:
    mine = {
        "FWPM_FILTER0": (native.Filter, "filterKey displayData flags providerKey providerData "
            "layerKey subLayerKey weight numFilterConditions filterCondition action rawContext "
            "reserved filterId effectiveWeight"),
        "FWPM_FILTER_CONDITION0": (native.FilterCondition, "fieldKey matchType conditionValue"),
        "FWP_CONDITION_VALUE0": (native.Datum, "- uint8"),
        "FWP_VALUE0": (native.Datum, "- uint8"),
        "FWP_BYTE_BLOB": (native.Blob, "- data"),
        "FWP_V4_ADDR_AND_MASK": (native.V4Mask, "- mask"),
        "FWP_V6_ADDR_AND_MASK": (native.V6Mask, "- prefixLength"),
        "FWPM_ACTION0": (native.Action, "- filterType"),
        "FWPM_FILTER_ENUM_TEMPLATE0": (native.EnumTemplate, "- layerKey enumType flags "
            "providerContextTemplate numFilterConditions filterCondition actionMask calloutKey"),
        "FWPM_PROVIDER0": (native.Provider, "- displayData flags providerData serviceName"),
        "FWPM_SUBLAYER0": (native.SubLayer, "- displayData flags providerKey providerData weight"),
        "FWPM_SESSION0": (native.Session, "- displayData flags txnWaitTimeoutInMSec processId sid "
            "username kernelMode"),
    }  # fmt: skip
    expected = {}
    for name, (structure, members) in mine.items():
        expected[name] = ctypes.sizeof(structure)
        for (field, *_), member in zip(structure._fields_, members.split(), strict=True):
            if member != "-":
                expected[f"{name}.{member}"] = getattr(structure, field).offset
    told = double.library.double_layout().decode().splitlines()
    assert {one.split()[0]: int(one.split()[1]) for one in told} == expected


def test_applied_is_one_transaction_and_what_is_read_back(double: Double) -> None:
    found = double.firewall.apply(PLAN)
    assert double.calls() == ["open", "begin", "commit", "begin", "commit", "close"]
    assert double.firewall.read() == found
    table = found.table.splitlines()
    assert table[0] == "sublayer of weight 65535, flags 0x1"
    assert len(table) - 1 == len(set(table)) - 1 == len(double.filters())


def test_provider_and_sublayer_last_and_hang_on_no_service(double: Double) -> None:
    double.firewall.apply(PLAN)
    frame = [one for one in double.shown() if one.startswith(("provider", "sublayer"))]
    assert frame == [
        "provider flags=0x1 service= data=",
        "sublayer flags=0x1 weight=0xffff provider=0",
    ]


def test_each_layer_is_shut_for_ever_and_at_boot_and_loopback_is_open(double: Double) -> None:
    double.firewall.apply(PLAN)
    layers = {
        f"{name}_V{version}"
        for version in (4, 6)
        for name in (
            *("ALE_AUTH_CONNECT", "ALE_AUTH_RECV_ACCEPT", "OUTBOUND_TRANSPORT"),
            *("INBOUND_TRANSPORT", "IPFORWARD", "OUTBOUND_ICMP_ERROR"),
        )
    }
    blocks = [one.split(" '")[0] for one in double.filters() if " BLOCK " in one]
    assert sorted(blocks) == sorted(
        f"{layer} BLOCK weight=0 flags={flags}" for layer in layers for flags in ("PC", "BC")
    )
    loopback = [one.split()[0] for one in double.filters() if "FLAGS&0x1" in one]
    assert sorted(loopback) == sorted(2 * [one for one in layers if "IPFORWARD" not in one])
    assert not [one for one in double.filters() if "IPFORWARD" in one and "PERMIT" in one]


def test_the_broker_is_open_to_the_shims_program_and_account_alone(double: Double) -> None:
    double.firewall.apply(PLAN)
    found = [one for one in double.filters() if one.endswith(" broker'") and "_V4" in one]
    ends = "IP_PROTOCOL=6 IP_REMOTE_ADDRESS=0xc0000207/0xffffffff IP_REMOTE_PORT=8443"
    who = f"ALE_APP_ID={PYTHON} ALE_USER_ID=O:SYG:SYD:(A;;CCRC;;;{own_sid()})"
    name = "'Fireline isolation: broker'"
    assert sorted(found) == [
        f"ALE_AUTH_CONNECT_V4 PERMIT weight=15 flags=P {ends} {who} {name}",
        f"INBOUND_TRANSPORT_V4 PERMIT weight=15 flags=P {ends} {name}",
        f"OUTBOUND_TRANSPORT_V4 PERMIT weight=15 flags=P {ends} {name}",
    ]
    wide = [one for one in double.filters() if one.endswith(" broker'") and "_V6" in one]
    assert len(wide) == 3
    address = "IP_REMOTE_ADDRESS=20010db8000000000000000000000007/128 IP_REMOTE_PORT=443"
    assert all(address in one for one in wide)


def test_resolvers_answer_the_shim_and_nobody_else(double: Double) -> None:
    double.firewall.apply(PLAN)
    found = [one for one in double.filters() if "IP_REMOTE_PORT=53" in one]
    connect = [one for one in found if one.startswith("ALE_AUTH")]
    assert len(found) == 3 and len(connect) == 1
    assert f"ALE_APP_ID={PYTHON}" in connect[0] and "ALE_USER_ID=" in connect[0]
    assert all("IP_PROTOCOL=6 IP_PROTOCOL=17 IP_REMOTE_ADDRESS=0xc0000235" in one for one in found)


def test_dhcp_is_the_systems_client_and_needs_no_program_at_boot(double: Double) -> None:
    double.firewall.apply(PLAN)
    found = [one for one in double.filters() if one.endswith(" DHCP'")]
    by_program = [one for one in found if f"ALE_APP_ID={SVCHOST}" in one]
    assert len(found) == 16 and len(by_program) == 4
    assert all("flags=P " in one and one.startswith("ALE_AUTH") for one in by_program)
    link = "IP_REMOTE_ADDRESS=fe80" + 28 * "0" + "/10"
    assert all(link in one for one in found if "IP_REMOTE_PORT=547" in one)


@pytest.fixture
def packages() -> Iterator[Path]:
    """Where Windows puts app packages; in Wine there are none."""
    folder = Path(os.environ["PROGRAMFILES"], "WindowsApps")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def installed(folder: Path, package: str, program: str) -> str:
    (folder / package).mkdir()
    (folder / package / program).touch()
    return "\\device\\harddiskvolume3" + str(folder / package / program)[2:].lower()


def test_a_packages_programs_may_in_their_container_and_without_one(
    double: Double, packages: Path
) -> None:
    program = installed(packages, "MSTeams_24.1.2.3_x64__8wekyb3d8bbwe", "ms-teams.exe")
    installed(packages, "MSTeamsNot_1.0_x64__8wekyb3d8bbwe", "evil.exe")
    installed(packages, "MSTeams_24.1_x64__other", "evil.exe")
    rule = Allowance(name="teams", package="MSTeams_8wekyb3d8bbwe", protocol="tcp", ports=(443,))
    double.firewall.apply(Plan(PLAN.brokers, PLAN.resolvers, (rule,)))
    found = [one for one in double.filters() if one.endswith(": rule teams'")]
    connect = sorted(one for one in found if one.startswith("ALE_AUTH_CONNECT_V4"))
    ends = "ALE_AUTH_CONNECT_V4 PERMIT weight=15 flags=P IP_PROTOCOL=6 IP_REMOTE_PORT=443"
    name = "'Fireline isolation: rule teams'"
    assert connect == [
        f"{ends} ALE_APP_ID={program} {name}",
        f"{ends} ALE_PACKAGE_ID={sids.of_package('MSTeams_8wekyb3d8bbwe')} {name}",
    ]


def test_a_package_that_is_not_here_opens_nothing_and_is_told(double: Double) -> None:
    rule = Allowance(name="teams", package="MSTeams_8wekyb3d8bbwe")
    found = double.firewall.apply(Plan(PLAN.brokers, PLAN.resolvers, (rule,)))
    assert found.table.splitlines()[0] == (
        'rule "teams": "no package MSTeams_8wekyb3d8bbwe on this device"'
    )
    assert not [one for one in double.filters() if "rule teams" in one]


def test_a_chosen_rule_has_all_its_conditions(double: Double, packages: Path) -> None:
    calculator = "Microsoft.WindowsCalculator_11.2_x64__8wekyb3d8bbwe"
    program = installed(packages, calculator, "CalculatorApp.exe")
    rule = Allowance(
        name="erp", direction="both", network="198.51.100.0/22", protocol="tcp", ports=(80, 443),
        process="CalculatorApp.exe", service="TrustedInstaller",
        package="microsoft.windowscalculator_8wekyb3d8bbwe",
    )  # fmt: skip
    double.firewall.apply(Plan(PLAN.brokers, PLAN.resolvers, (rule,)))
    found = [one for one in double.filters() if one.endswith(": rule erp'")]
    who = f"ALE_APP_ID={program} ALE_USER_ID=O:SYG:SYD:(A;;CCRC;;;{INSTALLER})"
    far = "IP_PROTOCOL=6 IP_REMOTE_ADDRESS=0xc6336400/0xfffffc00"
    out, into = "IP_REMOTE_PORT=80 IP_REMOTE_PORT=443", "IP_LOCAL_PORT=80 IP_LOCAL_PORT=443"
    assert sorted(one.split(" '")[0].replace(" PERMIT weight=15 flags=P", "") for one in found) == [
        f"ALE_AUTH_CONNECT_V4 {far} {out} {who}",
        f"ALE_AUTH_CONNECT_V4 {far} {out} {who} ALE_PACKAGE_ID={CALC}",
        f"ALE_AUTH_RECV_ACCEPT_V4 {far} {into} {who}",
        f"ALE_AUTH_RECV_ACCEPT_V4 {far} {into} {who} ALE_PACKAGE_ID={CALC}",
        f"INBOUND_TRANSPORT_V4 {far} {into}",
        f"INBOUND_TRANSPORT_V4 {far} {out}",
        f"OUTBOUND_TRANSPORT_V4 {far} {into}",
        f"OUTBOUND_TRANSPORT_V4 {far} {out}",
    ]


def test_a_rule_for_a_program_that_is_not_here_opens_nothing_and_is_told(double: Double) -> None:
    rule = Allowance(name="mail", process="no-such-program.exe")
    found = double.firewall.apply(Plan(PLAN.brokers, PLAN.resolvers, (rule,)))
    assert found.table.splitlines()[0] == (
        'rule "mail": "no program no-such-program.exe on this device"'
    )
    assert not [one for one in double.filters() if "rule mail" in one]


def test_a_rule_by_its_file_name_is_the_systems_own_program(double: Double) -> None:
    double.firewall.apply(
        Plan(PLAN.brokers, PLAN.resolvers, (Allowance(name="x", process="svchost.exe"),))
    )
    assert any(
        f"ALE_APP_ID={SVCHOST} 'Fireline isolation: rule x'" in one for one in double.filters()
    )


def test_no_ports_of_other_protocols_are_taken_for_message_types(double: Double) -> None:
    rule = Allowance(name="any", ports=(8,))
    double.firewall.apply(Plan(PLAN.brokers, PLAN.resolvers, (rule,)))
    found = [one for one in double.filters() if one.endswith(": rule any'")]
    assert len(found) == 6 and all("IP_PROTOCOL=6 IP_PROTOCOL=17 " in one for one in found)


@pytest.mark.parametrize("at", [1, 2, 3, 40, 120])
def test_what_is_refused_midway_leaves_everything_as_it_was(double: Double, at: int) -> None:
    double.library.double_refuse(at)
    with pytest.raises(Failed, match="FWP_E_SESSION_ABORTED"):
        double.firewall.apply(PLAN)
    assert double.calls()[-2:] == ["abort", "close"]
    assert double.firewall.read() is None and double.filters() == []
    before = double.firewall.apply(PLAN)
    double.library.double_refuse(at)
    with pytest.raises(Failed, match="FWP_E_SESSION_ABORTED"):
        double.firewall.apply(Plan(PLAN.brokers, frozenset()))
    assert double.firewall.read() == before


def test_another_plan_replaces_the_first_whole(double: Double) -> None:
    first = double.firewall.apply(PLAN)
    second = double.firewall.apply(Plan(PLAN.brokers, frozenset()))
    assert first.sha256 != second.sha256
    assert not [one for one in double.filters() if "resolver" in one]
    assert double.firewall.apply(PLAN) == first


def test_all_of_it_is_there_after_the_service_came_back(double: Double) -> None:
    found = double.firewall.apply(PLAN)
    double.library.double_restart()
    assert double.firewall.read() == found


def test_removed_leaves_nothing_and_is_no_error_where_nothing_is(double: Double) -> None:
    double.firewall.remove()
    double.firewall.apply(PLAN)
    double.firewall.remove()
    assert [one for one in double.shown() if "=" in one and not one.startswith("open")] == []
    assert double.firewall.read() is None


@pytest.mark.parametrize("layer", ["connect4", "ALE_RESOURCE_ASSIGNMENT_V4"])
def test_anothers_filter_in_our_sublayer_is_seen_where_it_would_decide_and_removed(
    double: Double, layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = double.firewall.apply(PLAN)
    elsewhere = UUID("1247d66d-0b60-4a15-8d44-7155d0f53a0c")
    with monkeypatch.context() as patched:
        patched.setitem(number.LAYERS, "ALE_RESOURCE_ASSIGNMENT_V4", elsewhere)
        double.add_another(Rule(layer, True, 15, name="let me out"))
    now = double.firewall.read()
    assert now is not None
    if layer == "connect4":
        assert now.sha256 != found.sha256
        assert 'connect4 permit 15 kept (provider another) "let me out"' in now.table.splitlines()
    assert double.firewall.apply(PLAN) == found
    double.add_another(Rule("accept6", True, 15, name="let me in"))
    double.firewall.remove()
    assert double.firewall.read() is None and double.filters() == []


def test_a_filter_that_somebody_took_away_is_missed(double: Double) -> None:
    found = double.firewall.apply(PLAN)
    with Engine(double.library) as engine, engine.transaction():
        double.library.FwpmFilterDeleteByKey0(engine._handle, native.guid(engine.keys()[-1]))
    now = double.firewall.read()
    assert now is not None and now.sha256 != found.sha256


def test_an_older_windows_is_refused_by_its_number() -> None:
    old = WindowsFirewall(Double().library, here=lambda: 15062)
    with pytest.raises(
        Failed, match=r"isolation needs Windows 10 1703 \(build 15063\).*is build 15062"
    ):
        old.apply(PLAN)
    full_only = WindowsFirewall(Double().library, here=lambda: 15063)
    full_only.apply(PLAN)
    with pytest.raises(Failed, match="selective isolation needs Windows 10 1709"):
        full_only.apply(Plan(PLAN.brokers, PLAN.resolvers, (Allowance(name="x"),)))


def test_a_network_that_is_none_is_refused_and_nothing_changes(double: Double) -> None:
    rule = Allowance(name="bad", network="10.0.0.0/40")
    with pytest.raises(Failed, match=r"the rule bad was not taken: 10.0.0.0/40 is no network"):
        double.firewall.apply(Plan(PLAN.brokers, PLAN.resolvers, (rule,)))
    assert double.firewall.read() is None
