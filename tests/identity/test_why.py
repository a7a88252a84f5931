"""What `why` says."""

from collections.abc import Callable

import pytest

from server.identity.decision import Ask, unseen
from server.identity.rules import DeviceRef, Rules
from server.identity.why import explain

FILE = """\
people: {alice: {}, dora: {groups: [dba]}, eve: {}}
rules:
- {name: db-read, people: [alice], role: basic, devices: ['tag:db']}
- {name: dba, people: [dba], role: advanced, devices: ['tag:db'], comment: required}
- {name: late, people: [alice], role: advanced, devices: all}
"""
DB, OTHER = DeviceRef("db-02", frozenset({"db"})), DeviceRef("x")


@pytest.fixture(scope="module")
def rules(rules_of: Callable[[str], Rules]) -> Rules:
    return rules_of(FILE)


def test_it_names_the_deciding_rule_and_those_that_show_the_way(rules: Rules) -> None:
    assert explain(rules, Ask("alice", "run", "advanced", None, DB, "console")) == [
        "refused: run on db-02 needs advanced, you are basic (rule db-read, access.yaml line 3)",
        "rule dba (line 4) gives it on db-02 to dba",
        "rule late (line 5) would, but rule db-read decides first",
    ]


def test_what_is_allowed_says_by_which_rule(rules: Rules) -> None:
    assert explain(rules, Ask("alice", "dir", "basic", None, DB, "console")) == [
        "allowed: dir on db-02: you are basic (rule db-read, access.yaml line 3)"
    ]


def test_only_a_comment_lacking_says_how_to_give_it(rules: Rules) -> None:
    assert explain(rules, Ask("dora", "run", "advanced", None, DB, "exec"))[1] == (
        "give it with -comment 'CASE and reason'"
    )


def test_of_an_unseen_device_it_says_nothing_more(rules: Rules) -> None:
    assert explain(rules, Ask("dora", "run", "advanced", None, OTHER, "exec")) == [
        unseen("x").sentence
    ]
    assert len(explain(rules, Ask("mallory", "run", "advanced", None, DB, "exec"))) == 1


def test_what_nobody_is_given_is_said(rules: Rules) -> None:
    assert explain(rules, Ask("alice", "replay", "auditor", None, DB, "exec"))[1:] == [
        "no rule of access.yaml gives replay on db-02 to anybody"
    ]


def test_many_rules_are_counted(rules_of: Callable[[str], Rules]) -> None:
    rules = rules_of(
        "people: {a: {}, b: {}}\nrules:\n- {name: r, people: [a], role: basic, "
        "devices: all}\n"
        + "".join(
            f"- {{name: r{i}, people: [b], role: advanced, devices: all}}\n" for i in range(9)
        )
    )
    lines = explain(rules, Ask("a", "library", "advanced", None, None, "exec"))
    assert len(lines) == 7
    assert lines[1] == "rule r0 (line 4) gives it to b"
    assert lines[-1] == "and 4 more rules"
