"""Nobody changes his own rights on a device by tagging it."""

import pytest

from server.identity.access_file import declared_words, parse_access_file
from server.identity.rules import DeviceRef
from server.identity.tagging import own_change

RULES = parse_access_file(
    "access.yaml",
    b"""
people:
  alice: {}
  bob: {}
rules:
  - {name: critical, people: [alice], role: basic, devices: [tag:Critical]}
  - {name: web, people: [alice, bob], role: advanced, devices: [tag:web], rights: {tags: write}}
  - {name: lab, people: [bob], role: advanced, devices: [tag:lab]}
  - {name: audit-lab, people: [bob], role: operator, devices: [tag:lab]}
  - {name: rest, people: [alice], role: basic, devices: all}
""",
    declared_words(),
)


def change(person: str, before: str, after: str) -> str | None:
    refs = [DeviceRef("web-01", frozenset(tags.split())) for tags in (before, after)]
    rule = own_change(RULES, person, *refs)
    return rule.name if rule is not None else None


@pytest.mark.parametrize(
    ("person", "before", "after", "by"),
    [
        ("alice", "", "web", "web"),
        ("alice", "critical web", "web", "web"),
        ("alice", "web", "WEB CRITICAL", "critical"),
        ("alice", "web", "", "rest"),
        ("bob", "", "lab", "audit-lab"),
        ("bob", "web", "web LAB", "audit-lab"),
        ("bob", "web", "", "web"),
    ],
)
def test_what_gives_or_takes_ones_own_rights_names_the_rule(
    person: str, before: str, after: str, by: str
) -> None:
    assert change(person, before, after) == by


@pytest.mark.parametrize(
    ("person", "before", "after"),
    [("alice", "web", "web lab"), ("alice", "", "anything"), ("bob", "web lab", "WEB lab x")],
)
def test_what_changes_nothing_for_oneself_is_nobodys_gain(
    person: str, before: str, after: str
) -> None:
    assert change(person, before, after) is None
