"""The App Control policies that restrict a device, made of the samples that Windows carries; pure.

1. `restricting` is AllowMicrosoft.xml, enforced: what Microsoft signed starts, and the shim's own
   files, known by their digests and (Windows 10 1903 and later) by their folders.
2. `inactive` is AllowAll.xml under the same name: a policy that is taken away holds until the next
   start, so it is first replaced by one that holds nothing back.
3. Where a Windows knows only one policy, its name is the one that Windows gives it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass

from commands.language.errors import Failed

NAMESPACE = "urn:schemas-microsoft-com:sipolicy"
OURS, ONLY_ONE = (
    "{73DCD47D-7497-404D-826E-10ABB80741AE}",
    "{A244370E-44C9-4C06-B551-F6016E563076}",
)
VERSION = "10.1.0.0"
USER_MODE = "12"
NAME = "Fireline restriction"
ENFORCED = (
    "Enabled:Unsigned System Integrity Policy",
    "Enabled:UMCI",
    "Enabled:Update Policy No Reboot",
)
"""Not signed, user mode too, and in force at once."""
INACTIVE = (ENFORCED[0], ENFORCED[2], "Enabled:Audit Mode", "Disabled:Script Enforcement")
LEFT_OUT = frozenset(
    {
        "Enabled:Audit Mode",
        "Disabled:Script Enforcement",
        "Enabled:Allow Supplemental Policies",
        "Enabled:Managed Installer",
        "Enabled:Intelligent Security Graph Authorization",
        "Disabled:Runtime FilePath Rule Protection",
    }
)
"""What would let more start than Microsoft's and ours."""

ET.register_namespace("", NAMESPACE)


@dataclass(frozen=True)
class Own:
    """What of the shim's may start: digests of files, and folders (with `\\*`) or whole paths."""

    digests: dict[str, str]
    """SHA-256 (authenticode.py) -> the file's path."""
    paths: tuple[str, ...] = ()


def restricting(sample: bytes, own: Own, name: str) -> bytes:
    """The policy that lets nothing start but what Microsoft signed and ours."""
    root = _parsed(sample, "AllowMicrosoft.xml")
    _name(root, name)
    options = [one for one in _options(root) if one not in LEFT_OUT]
    _set_options(root, dict.fromkeys((*options, *ENFORCED)))
    files = [{"FriendlyName": path, "Hash": digest.upper()} for digest, path in own.digests.items()]
    files += [{"FriendlyName": path, "FilePath": path} for path in own.paths]
    _allow(root, files)
    return _text(root)


def inactive(sample: bytes, name: str) -> bytes:
    """The policy that holds nothing back, for the moment before it is taken away."""
    root = _parsed(sample, "AllowAll.xml")
    _name(root, name)
    _set_options(root, dict.fromkeys((*_options(root), *INACTIVE)))
    return _text(root)


def _parsed(sample: bytes, file: str) -> ET.Element:
    try:
        root = ET.fromstring(sample)  # noqa: S314  Windows' own file
    except ET.ParseError as error:
        raise Failed(f"{file} of this Windows is no policy: {error}") from error
    if root.tag != _tag("SiPolicy") or root.find(_tag("Rules")) is None:
        raise Failed(f"{file} of this Windows is no policy")
    return root


def _name(root: ET.Element, name: str) -> None:
    """One name as policy and as base; older samples have a type's name alone."""
    for element in ("PolicyID", "BasePolicyID", "PolicyTypeID"):
        if (found := root.find(_tag(element))) is not None:
            found.text = name
    if (version := root.find(_tag("VersionEx"))) is not None:
        version.text = VERSION
    for setting in root.iter(_tag("Setting")):
        if setting.get("Provider") == "PolicyInfo" and setting.get("ValueName") == "Name":
            for text in setting.iter(_tag("String")):
                text.text = NAME


def _options(root: ET.Element) -> list[str]:
    return [one.text or "" for one in root.iter(_tag("Option"))]


def _set_options(root: ET.Element, options: Iterable[str]) -> None:
    rules = root.find(_tag("Rules"))
    assert rules is not None
    rules.clear()
    for option in options:
        ET.SubElement(ET.SubElement(rules, _tag("Rule")), _tag("Option")).text = option


def _allow(root: ET.Element, files: list[dict[str, str]]) -> None:
    """Rules for files, in the scenario of user mode: kernel drivers of ours there are none."""
    where = root.find(_tag("FileRules"))
    scenarios = (one for one in root.iter(_tag("SigningScenario")) if one.get("Value") == USER_MODE)
    scenario = next(scenarios, None)
    signers = None if scenario is None else scenario.find(_tag("ProductSigners"))
    if where is None or signers is None:
        raise Failed("AllowMicrosoft.xml of this Windows has no rules for user mode")
    references = signers.find(_tag("FileRulesRef"))
    if references is None:
        references = ET.SubElement(signers, _tag("FileRulesRef"))
    for number, words in enumerate(files, 1):
        rule = f"ID_ALLOW_FIRELINE_{number}"
        ET.SubElement(where, _tag("Allow"), {"ID": rule, **words})
        ET.SubElement(references, _tag("FileRuleRef"), {"RuleID": rule})


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _text(root: ET.Element) -> bytes:
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
