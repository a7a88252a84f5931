"""Role x declared command x device scope x door: every cell, against a table from mission.md.

What is expected is worked out here from sections 1, 4 and 10 alone, not from the deciding code.
"""

import functools
import itertools

import pytest

from commands.language.command import Role, discover
from server.identity.access_file import parse_access_file
from server.identity.decision import Ask, decide
from server.identity.rules import DOORS, ROLES, DeviceRef, Rules

# Mission.md section 1: what each role may be asked for. An auditor never acts, an operator neither.
INCLUDES: dict[str, set[str]] = {
    "none": {"any"},
    "basic": {"any", "basic"},
    "advanced": {"any", "basic", "advanced"},
    "auditor": {"any", "auditor"},
    "operator": {"any", "operator"},
}
SCOPES = {
    "all": "all",
    "name": "[web-01]",
    "case": "[WEB-01]",
    "tag": "['tag:web']",
    "other": "[web-02, 'tag:db']",
}
DEVICE = DeviceRef("web-01", frozenset({"web", "prod"}))
DECLARED: dict[str, Role] = {word: cls.spec.role for word, cls in discover().items()}
GIVEN = ("none", *ROLES)
COMMENTS = ("optional", "required", "{console: required, exec: optional}")


@functools.cache
def file_of(role: str, scope: str, extra: str = "") -> Rules:
    rule = (
        f"\n- {{name: r, people: [alice], role: {role}, devices: {SCOPES[scope]}{extra}}}\n"
        if role != "none"
        else "[]"
    )
    text = f"people: {{alice: {{}}, bob: {{}}}}\nrules: {rule}"
    return parse_access_file("access.yaml", text.encode(), {w: w for w in DECLARED})


def status_expected(given: str, needed: str, scope: str, on_device: bool) -> int:
    if on_device and (given == "none" or scope == "other"):
        return 4
    return 0 if needed in INCLUDES[given] else 3


@pytest.mark.parametrize("word", DECLARED)
@pytest.mark.parametrize("given", GIVEN)
def test_every_cell_is_decided_as_the_mission_says(given: str, word: str) -> None:
    needed = DECLARED[word]
    for scope, device, door in itertools.product(SCOPES, (DEVICE, None), DOORS):
        decision = decide(file_of(given, scope), Ask("alice", word, needed, None, device, door))
        expected = status_expected(given, needed, scope, device is not None)
        assert (decision.status, decision.allowed) == (expected, expected == 0), (
            scope,
            device,
            door,
        )
        assert decision.reason


@pytest.mark.parametrize("word", DECLARED)
@pytest.mark.parametrize("given", ROLES)
def test_every_denied_word_is_refused_where_it_would_be_allowed(given: str, word: str) -> None:
    if DECLARED[word] == "any":  # everybody's words cannot be denied
        return
    for extra in (f", deny: [{word}]", ", allow: [help]"):
        rules = file_of(given, "all", extra)
        for device, door in itertools.product((DEVICE, None), DOORS):
            ask = Ask("alice", word, DECLARED[word], None, device, door)
            assert decide(rules, ask).status == 3
            assert decide(rules, Ask("bob", word, DECLARED[word], None, DEVICE, door)).status == 4


@pytest.mark.parametrize("comment", COMMENTS)
@pytest.mark.parametrize("door", DOORS)
def test_every_door_asks_for_the_comment_its_rule_requires(door: str, comment: str) -> None:
    required = comment == "required" or (comment.startswith("{") and door == "console")
    rules = file_of("advanced", "all", f", comment: {comment}")
    for word, needed in DECLARED.items():
        if needed in INCLUDES["advanced"] - {"any"}:
            for has in (True, False):
                decision = decide(rules, Ask("alice", word, needed, None, DEVICE, door, has))
                assert decision.allowed == (has or not required)


@pytest.mark.parametrize("given", ROLES)
def test_a_right_is_needed_beside_the_role(given: str) -> None:
    for rights, door in itertools.product(("", ", rights: {library: write}"), DOORS):
        ask = Ask("alice", "library", "advanced", "library: write", None, door)
        allowed = decide(file_of(given, "all", rights), ask).allowed
        assert allowed == (given == "advanced" and bool(rights))
