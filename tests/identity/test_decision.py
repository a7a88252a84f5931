"""The deciding function: each of its rules, and the sentences a person reads."""

from collections.abc import Callable

import pytest

from server.identity.decision import (
    Ask,
    Decision,
    comment_needed,
    decide,
    may_see,
    role_on,
    rule_on,
    unseen,
)
from server.identity.rules import DeviceRef, Rules

Parse = Callable[[str], Rules]
DB, WEB, LAP = (
    DeviceRef("db-02", frozenset({"db"})),
    DeviceRef("web-01", frozenset({"web"})),
    DeviceRef("lap-117"),
)
FILE = """\
people: {alice: {}, bob: {}, eve: {}, olga: {}, nobody: {}}
rules:
- {name: db-read, people: [alice], role: basic, devices: ['tag:db'], deny: [cat]}
- {name: web, people: [alice], role: advanced, devices: ['tag:web'], deny: [shell],
   rights: {library: write}, comment: {exec: required}}
- {name: late, people: [alice, bob], role: advanced, devices: all}
- {name: audit, people: [eve], role: auditor, devices: ['tag:db']}
- {name: ops, people: [olga], role: operator, devices: all}
"""


@pytest.fixture(scope="module")
def rules(rules_of: Parse) -> Rules:
    return rules_of(FILE)


def ask(
    rules: Rules,
    person: str,
    word: str,
    role: str,
    device: DeviceRef | None = None,
    right: str | None = None,
    door: str = "console",
    comment: bool = False,
) -> Decision:
    return decide(rules, Ask(person, word, role, right, device, door, comment))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("deny: [shell]", "exec on db-02 needs shell, which is denied (rule r"),
        ("deny: [exec]", "exec on db-02 is denied (rule r, access.yaml line 3)"),
        (
            "allow: [exec, dir]",
            "exec on db-02 needs shell, which is not among the words allowed (rule r, access.yaml",
        ),
        ("allow: [exec, shell]", ""),
    ],
)
def test_no_word_is_a_second_path_round_the_switch_of_another(
    rules_of: Parse, extra: str, said: str
) -> None:
    rules = rules_of(
        "people: {alice: {}}\nrules:\n"
        f"- {{name: r, people: [alice], role: advanced, devices: all, {extra}}}\n"
    )
    decision = decide(rules, Ask("alice", "exec", "advanced", None, DB, "exec", under="shell"))
    assert decision.allowed == (not said) and decision.reason.startswith(said)


def test_the_refusal_reads_as_the_console_shows_it(rules: Rules) -> None:
    decision = ask(rules, "alice", "run", "advanced", DB)
    assert (decision.status, decision.rule, decision.line, decision.role) == (
        3,
        "db-read",
        3,
        "basic",
    )
    assert decision.sentence == (
        "run on db-02 needs advanced, you are basic (rule db-read, access.yaml line 3); "
        "why run db-02 shows the way to it"
    )


def test_the_first_rule_that_fits_decides_and_later_ones_are_not_asked(rules: Rules) -> None:
    assert ask(rules, "alice", "dir", "basic", DB).rule == "db-read"
    assert not ask(rules, "alice", "cat", "basic", DB).allowed
    assert ask(rules, "alice", "shell", "advanced", WEB).reason == (
        "shell on web-01 is denied (rule web, access.yaml line 4)"
    )
    assert ask(rules, "alice", "shell", "advanced", LAP).rule == "late"


def test_advanced_includes_basic_and_nothing_else_includes_anything(rules: Rules) -> None:
    assert ask(rules, "bob", "dir", "basic", DB).allowed
    for word, role in (("replay", "auditor"), ("revoke", "operator")):
        assert not ask(rules, "bob", word, role, DB).allowed
        assert not ask(rules, "bob", word, role).allowed
    for person, own in (("eve", "auditor"), ("olga", "operator")):
        for role in {"basic", "advanced", "auditor", "operator"} - {own}:
            assert ask(rules, person, "dir", role, DB).status == 3
        assert ask(rules, person, "dir", own, DB).allowed
    assert "you are auditor (rule audit" in ask(rules, "eve", "dir", "basic", DB).reason


def test_somebody_the_file_does_not_name_may_not_even_ask_for_help(rules: Rules) -> None:
    for name in ("mallory", "", "Alice", "alice\n"):
        assert ask(rules, name, "help", "any").status == 3


def test_a_known_person_without_a_rule_has_the_words_that_are_everybody_s(rules: Rules) -> None:
    assert ask(rules, "nobody", "help", "any").allowed
    refused = ask(rules, "nobody", "library", "advanced")
    assert refused.reason == "library needs advanced, no rule of access.yaml names you"


def test_an_unseen_device_and_one_that_does_not_exist_are_answered_alike(rules: Rules) -> None:
    for role in ("any", "basic", "advanced", "auditor", "operator"):
        for person in ("eve", "nobody"):
            assert ask(rules, person, "dir", role, WEB) == unseen("web-01")
    assert unseen("web-01").status == 4
    assert unseen("web-01").sentence == (
        "web-01: no device of that name that you may see; devices lists those that you may"
    )
    assert may_see(rules, "eve", DB)
    assert not may_see(rules, "eve", WEB)
    assert not may_see(rules, "mallory", DB)


def test_role_and_comment_on_a_device_are_those_of_the_first_rule(rules: Rules) -> None:
    assert [role_on(rules, "alice", d) for d in (DB, WEB, LAP)] == ["basic", "advanced", "advanced"]
    assert role_on(rules, "eve", DB) == "auditor"
    assert role_on(rules, "eve", WEB) is None
    assert rule_on(rules, "eve", WEB) is None
    assert comment_needed(rules, "alice", WEB, "exec")
    assert comment_needed(rules, "alice", WEB, "shell")
    assert not comment_needed(rules, "alice", WEB, "console")
    assert not comment_needed(rules, "eve", WEB, "exec")


def test_a_missing_comment_is_refused_with_what_to_type(rules_of: Parse) -> None:
    rules = rules_of(
        "people: {a: {}}\nrules:\n- {name: r, people: [a], role: basic, "
        "devices: all, comment: required}\n"
    )
    refused = ask(rules, "a", "dir", "basic", DB, door="exec")
    assert refused.sentence == (
        "dir on db-02 needs a comment (rule r, access.yaml line 3); "
        "give it with -comment 'CASE and reason'"
    )
    assert "SetEnv" in ask(rules, "a", "dir", "basic", DB, door="scp").hint
    assert ask(rules, "a", "dir", "basic", DB, comment=True).allowed
    assert ask(rules, "a", "library", "basic").allowed


def test_a_right_is_given_by_name_only(rules: Rules) -> None:
    assert ask(rules, "alice", "library", "advanced", right="library: write").allowed
    refused = ask(rules, "bob", "library", "advanced", right="library")
    assert refused.reason == (
        "library needs the right library: write, which is not given (rule late, access.yaml line 6)"
    )
    assert not ask(rules, "alice", "library", "advanced", right="unheard").allowed


def test_a_word_left_out_of_allow_is_refused(rules_of: Parse) -> None:
    rules = rules_of(
        "people: {a: {}}\nrules:\n- {name: r, people: [a], role: advanced, "
        "devices: all, allow: [dir, shell], deny: [shell]}\n"
    )
    assert ask(rules, "a", "dir", "basic", DB).allowed
    assert not ask(rules, "a", "shell", "advanced", DB).allowed
    assert "not among the words allowed (rule r" in ask(rules, "a", "cat", "basic", DB).reason


def test_without_a_device_one_denial_holds_and_a_rule_for_all_ends_the_search(
    rules_of: Parse,
) -> None:
    head = "people: {a: {}}\nrules:\n"
    some = "- {name: some, people: [a], role: advanced, devices: [x], deny: [library]}\n"
    every = "- {name: every, people: [a], role: advanced, devices: all}\n"
    small = "- {name: small, people: [a], role: basic, devices: all}\n"
    assert ask(rules_of(head + every + some), "a", "library", "advanced").rule == "every"
    assert ask(rules_of(head + some + every), "a", "library", "advanced").rule == "some"
    assert not ask(rules_of(head + small + every), "a", "library", "advanced").allowed
    assert (
        ask(
            rules_of(head + small.replace("devices: all", "devices: [y]") + every),
            "a",
            "library",
            "advanced",
        ).rule
        == "every"
    )
