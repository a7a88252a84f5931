"""App Control policies made of samples that have the parts of Windows' own."""

import xml.etree.ElementTree as ET

import pytest

from commands.language.errors import Failed
from endpoint_shim.windows.control_policy import (
    NAMESPACE,
    ONLY_ONE,
    OURS,
    Own,
    inactive,
    restricting,
)
from tests.windows.samples import ALLOW_ALL, ALLOW_MICROSOFT

OWN = Own({"ab" * 32: r"C:\Fireline\fireline-endpoint.exe"}, (r"C:\Fireline\*",))
IN = {"p": NAMESPACE}


def options(root: ET.Element) -> list[str]:
    return [one.text or "" for one in root.iterfind("p:Rules/p:Rule/p:Option", IN)]


def test_it_is_enforced_at_once_in_user_mode_and_takes_no_supplements() -> None:
    root = ET.fromstring(restricting(ALLOW_MICROSOFT, OWN, OURS))
    found = options(root)
    for wanted in ("Enabled:UMCI", "Enabled:Update Policy No Reboot"):
        assert found.count(wanted) == 1
    assert "Enabled:Unsigned System Integrity Policy" in found
    assert "Enabled:Advanced Boot Options Menu" in found  # the sample's own stay
    for other in ("Enabled:Audit Mode", "Enabled:Allow Supplemental Policies"):
        assert other not in found


def test_what_microsoft_signed_is_as_the_sample_has_it() -> None:
    before, after = (
        ET.fromstring(ALLOW_MICROSOFT),
        ET.fromstring(restricting(ALLOW_MICROSOFT, OWN, OURS)),
    )
    for path in ("p:Signers", ".//p:AllowedSigners", "p:EKUs", "p:HvciOptions"):
        was, now = (one.find(path, IN) for one in (before, after))
        assert was is not None and now is not None
        assert ET.tostring(was).strip() == ET.tostring(now).strip()


def test_the_shims_own_files_may_start_by_digest_and_by_folder_in_user_mode_alone() -> None:
    root = ET.fromstring(restricting(ALLOW_MICROSOFT, OWN, OURS))
    rules = [one.attrib for one in root.iterfind("p:FileRules/p:Allow", IN)]
    name, folder = OWN.digests["ab" * 32], OWN.paths[0]
    assert rules == [
        {"ID": "ID_ALLOW_FIRELINE_1", "FriendlyName": name, "Hash": "AB" * 32},
        {"ID": "ID_ALLOW_FIRELINE_2", "FriendlyName": folder, "FilePath": folder},
    ]
    references = {
        scenario.get("Value"): [
            one.get("RuleID") for one in scenario.iterfind(".//p:FileRuleRef", IN)
        ]
        for scenario in root.iterfind(".//p:SigningScenario", IN)
    }
    assert references == {"131": [], "12": ["ID_ALLOW_FIRELINE_1", "ID_ALLOW_FIRELINE_2"]}


@pytest.mark.parametrize("name", [OURS, ONLY_ONE])
def test_it_is_a_base_policy_of_its_name(name: str) -> None:
    for text in (restricting(ALLOW_MICROSOFT, OWN, name), inactive(ALLOW_ALL, name)):
        root = ET.fromstring(text)
        assert root.findtext("p:PolicyID", namespaces=IN) == name
        assert root.findtext("p:BasePolicyID", namespaces=IN) == name
        assert root.findtext("p:VersionEx", namespaces=IN) == "10.1.0.0"
        assert "Fireline restriction" in text.decode()
        assert text.decode().startswith("<?xml") and "ns0" not in text.decode()


def test_the_one_before_the_end_holds_nothing_back() -> None:
    root = ET.fromstring(inactive(ALLOW_ALL, OURS))
    assert {"Enabled:Audit Mode", "Disabled:Script Enforcement"} <= set(options(root))
    assert [one.get("FileName") for one in root.iterfind("p:FileRules/p:Allow", IN)] == ["*", "*"]


@pytest.mark.parametrize("sample", [b"", b"<a/>", ALLOW_MICROSOFT[:200], b"<SiPolicy/>"])
def test_a_sample_that_is_none_is_refused(sample: bytes) -> None:
    with pytest.raises(Failed, match="of this Windows is no policy"):
        restricting(sample, OWN, OURS)


def test_a_sample_without_user_mode_is_refused() -> None:
    kernel_only = ALLOW_MICROSOFT.replace(b'Value="12"', b'Value="13"')
    with pytest.raises(Failed, match="has no rules for user mode"):
        restricting(kernel_only, OWN, OURS)
