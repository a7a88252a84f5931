"""The first lines: relative times, and a device's words through the escaper."""

from typing import Any

import pytest

from commands.language import wire
from server.doors.first_screen import ago, login_lines, signed_in
from server.identity.access import Rules
from server.identity.access_file import declared_words, parse_access_file
from server.live.inventory import Device
from server.live.render import Style
from server.live.responder import Responder

RULES = b"""\
people: {alice: {}, bob: {}}
rules:
- {name: r, people: [alice], role: basic, devices: [web-01]}
"""


@pytest.fixture
def rules() -> Rules:
    return parse_access_file("access.yaml", RULES, declared_words())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (40, "40 s"), (240, "4 m"), (3 * 3600, "3 h"), (41 * 86_400, "41 d")],
)
def test_relative_times_have_one_unit(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def lines(rules: Rules, person: str, devices: list[Device]) -> str:
    who = Responder(person, "SHA256:abcdefghijkl", "127.0.0.1", "x", "console", terminal=True)
    return login_lines(who, rules, devices, [], [], 0.0, Style(True))


def test_what_may_not_be_seen_is_not_told(rules: Rules) -> None:
    devices = [Device("1", "web-01"), Device("2", "db-01")]
    assert "web-01" in lines(rules, "alice", devices)
    assert "db-01" not in lines(rules, "alice", devices)
    assert "no device that you may see" in lines(rules, "bob", devices)


def test_a_revoked_device_is_none(rules: Rules) -> None:
    assert "1 device;" in lines(rules, "alice", [Device("1", "web-01")])
    revoked = [Device("1", "web-01", revoked=True)]
    assert "no device that you may see" in lines(rules, "alice", revoked)


def test_a_devices_words_are_visible_text(rules: Rules) -> None:
    facts = wire.Facts(platform="linux", system="\x1b]0;evil\x07\u202eLinux")
    shown = lines(rules, "alice", [Device("1", "web-01", facts=facts)])
    assert "\x1b" not in shown and "\u202e" not in shown and "\\x1b]0;evil" in shown


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"user": "alice", "last_user": "bob", "last_user_ms": 1}, "alice signed in"),
        ({}, "none signed in"),
        (
            {"last_user": "CORP\\svc-web", "last_user_ms": 1_795_519_204_000},
            "none signed in; last CORP\\svc-web 2026-11-24 11:20:04Z",
        ),
        ({"last_user": "\x1b[2J", "last_user_ms": 0}, "last \\x1b[2J 1970-01-01 00:00:00Z"),
    ],
)
def test_who_is_signed_in_or_was_last(facts: dict[str, Any], said: str) -> None:
    assert signed_in(wire.Facts(platform="linux", **facts)).endswith(said)
