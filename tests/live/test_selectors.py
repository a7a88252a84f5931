"""What a selector means among the devices that a person may see."""

import pytest

from commands.language import wire
from commands.language.errors import NotUnderstood, Unreachable
from commands.language.wire_contain import Isolated, Restricted, Scope
from server.identity.access_file import declared_words, parse_access_file
from server.live.inventory import Device
from server.live.selectors import parse, select

RULES = parse_access_file(
    "access.yaml",
    b"""
people:
  alice: {groups: [responders]}
  bob: {groups: [interns]}
rules:
  - {name: web, people: [responders], role: advanced, devices: [tag:web]}
  - {name: one, people: [interns], role: basic, devices: [db-01]}
""",
    declared_words(),
)


def isolation(scope: Scope) -> Isolated:
    return Isolated(generation=1, scope=scope)


DEVICES = [
    Device("d1", "db-01", ("Prod",), "linux"),
    Device("d2", "lap-117", (), "windows", isolation=isolation("full")),
    Device("d3", "web-01", ("web", "prod"), "linux", isolation=isolation("none")),
    Device(
        "d4", "Web-02", ("WEB",), "windows",
        restriction=Restricted(generation=1, on=True),
        facts=wire.Facts(platform="windows", tags=("prod", "isolate")),
    ),
]  # fmt: skip


def chosen(text: str) -> str:
    return " ".join(device.name for device in select(parse(text), DEVICES, RULES))


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("web-01", "web-01"),
        ("WEB-02", "Web-02"),
        ("web-*", "web-01 Web-02"),
        ("*-0?", "db-01 web-01 Web-02"),
        ("web-0[12]", "web-01 Web-02"),
        ("tag:web", "web-01 Web-02"),
        ("TAG:Prod", "db-01 web-01"),
        ("platform:linux", "db-01 web-01"),
        ("platform:WINDOWS", "lap-117 Web-02"),
        ("isolated", "lap-117"),
        ("restricted", "Web-02"),
        ("all", "db-01 lap-117 web-01 Web-02"),
        ("group:Responders", "web-01 Web-02"),
        ("group:Interns", "db-01"),
        ("db-01,lap-117", "db-01 lap-117"),
        ("lap-117, db-01 ,db-01", "db-01 lap-117"),
        ("tag:web,!web-01", "Web-02"),
        ("!tag:web", "db-01 lap-117"),
        ("!isolated,!platform:linux", "Web-02"),
        ("all,!tag:nobody-has-it", "db-01 lap-117 web-01 Web-02"),
    ],
)
def test_a_selector_means_the_devices_that_it_says(text: str, means: str) -> None:
    assert chosen(text) == means


@pytest.mark.parametrize("text", ["web-09", "tag:web,web-09", "all,!web-09", "all,!Payrol"])
def test_a_name_that_is_none_is_unreachable_in_a_list_and_in_an_exclusion_too(text: str) -> None:
    with pytest.raises(Unreachable, match="no device of that name that you may see"):
        chosen(text)


@pytest.mark.parametrize("text", ["tag:isolate", "tag:nothing", "zz*", "web-01,!web-01"])
def test_what_means_no_device_is_unreachable_and_a_proposed_tag_is_no_tag(text: str) -> None:
    with pytest.raises(Unreachable, match="no device that you may see is meant"):
        chosen(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty part"),
        ("web-01,", "empty part"),
        ("!", "empty part"),
        ("tag:", "names nothing"),
        ("platform:mac", "linux or windows"),
        ("grp:x", "known: tag: platform: group:"),
        ("group:nobody", "no such group"),
    ],
)
def test_a_selector_that_is_none_is_not_understood(text: str, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        chosen(text)


def test_only_a_plain_name_is_one_device_and_only_names_are_explicit() -> None:
    assert parse("web-01").one_name == "web-01"
    for text in ("web-*", "web-01,web-02", "tag:web", "all", "!web-01", "isolated"):
        assert parse(text).one_name is None
    assert parse("web-01,web-02,!db-01").explicit
    for text in ("web-01,tag:web", "all", "web-*", "!web-01", "isolated"):
        assert not parse(text).explicit


def test_what_is_hostile_in_a_selector_is_shown_escaped_and_cut() -> None:
    with pytest.raises(Unreachable) as found:
        chosen("\x1b[31m" + "x" * 500)
    assert "\x1b" not in str(found.value) and len(str(found.value)) < 300
