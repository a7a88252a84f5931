"""The rules of access.yaml: what is refused of them, with line and key."""

from collections.abc import Callable

import pytest

from commands.language.command import discover
from server.identity.access_file import AccessFileError, parse_access_file
from server.identity.rules import Rules

Parse = Callable[[str], Rules]
PEOPLE = "people: {alice: {groups: [team]}, bob: {}}\nrules:\n"
FIELDS = {"name": "r", "people": "[alice]", "role": "basic", "devices": "all"}


def rule(**fields: str) -> str:
    body = ", ".join(f"{k}: {v}" for k, v in (FIELDS | fields).items() if v)
    return f"- {{{body}}}\n"


@pytest.mark.parametrize(
    ("fields", "key", "message"),
    [
        ({"name": ""}, "", "name is missing"),
        ({"role": ""}, "", "role is missing"),
        ({"devices": ""}, "", "devices is missing"),
        ({"people": ""}, "", "people is missing"),
        ({"roles": "basic"}, ".roles", "no key here"),
        ({"name": "a b"}, ".name", "a rule's name"),
        ({"name": "12"}, ".name", "quotes"),
        ({"people": "alice"}, ".people", "a list"),
        ({"people": "[]"}, ".people", "at least one person"),
        ({"people": "[alice, eve]"}, ".people[2]", "eve is no person and no group"),
        ({"role": "admin"}, ".role", "admin is no role; known: basic"),
        ({"role": "any"}, ".role", "any is no role"),
        ({"role": "[basic]"}, ".role", "text is expected"),
        ({"devices": "web-01"}, ".devices", "devices is all, or a list"),
        ({"devices": "[]"}, ".devices", "at least one device"),
        ({"devices": "[all]"}, ".devices[1]", "all stands alone"),
        ({"devices": "[web 01]"}, ".devices[1]", "no device's name"),
        ({"devices": "['group:web']"}, ".devices[1]", "no device's name"),
        ({"devices": "['tag:']"}, ".devices[1]", "no device's name"),
        ({"devices": "[a, a]"}, ".devices[2]", "twice"),
        ({"deny": "[shel]"}, ".deny[1]", "shel is no command"),
        ({"deny": "shell"}, ".deny", "a list"),
        ({"allow": "[Dir]"}, ".allow[1]", "Dir is no command"),
        ({"rights": "{libary: write}"}, ".rights.libary", "libary is no right; known: library"),
        ({"rights": "{library: read}"}, ".rights.library", "library is write"),
        ({"rights": "{overwrite: true}"}, ".rights.overwrite", "quotes"),
        ({"rights": "[library]"}, ".rights", "a mapping"),
        ({"comment": "yes"}, ".comment", "quotes"),
        ({"comment": "always"}, ".comment", "neither required nor optional"),
        ({"comment": "{consol: required}"}, ".comment.consol", "consol is no door; known: console"),
        ({"comment": "{console: no}"}, ".comment.console", "quotes"),
        ({"comment": "[required]"}, ".comment", "a mapping"),
    ],
)
def test_a_wrong_rule_is_refused_by_line_and_key(
    rules_of: Parse, fields: dict[str, str], key: str, message: str
) -> None:
    with pytest.raises(AccessFileError, match=message) as refused:
        rules_of(PEOPLE + rule(name="first") + rule(**fields))
    assert (refused.value.line, refused.value.key) == (4, f"rules[2]{key}")


def test_two_rules_of_one_name_are_refused(rules_of: Parse) -> None:
    with pytest.raises(AccessFileError, match="a rule r stands in line 3 already"):
        rules_of(PEOPLE + rule() + rule())


@pytest.mark.parametrize("order", [("auditor", "basic"), ("advanced", "auditor")])
def test_nobody_is_auditor_and_responder_at_once(rules_of: Parse, order: tuple[str, str]) -> None:
    text = (
        PEOPLE
        + rule(name="one", role=order[0], people="[team]")
        + rule(name="two", role=order[1], people="[bob, alice]", devices="[other]")
    )
    with pytest.raises(AccessFileError, match="alice is .* an auditor never acts") as refused:
        rules_of(text)
    assert refused.value.line == 4


def test_an_operator_may_also_be_auditor_or_responder(rules_of: Parse) -> None:
    rules = rules_of(
        PEOPLE
        + rule(name="o", role="operator", people="[alice, bob]")
        + rule(name="a", role="auditor")
        + rule(name="b", people="[bob]")
    )
    assert [r.name for r in rules.of("alice")] == ["o", "a"]
    assert [r.name for r in rules.of("bob")] == ["o", "b"]


def test_a_word_that_cannot_wait_for_a_second_person_is_a_fault() -> None:
    """Else the rule would look as if it held."""
    words = {word: word for word in discover()}

    def read(second: str) -> Rules:
        text = PEOPLE + rule(second_person=f"[isolate, {second}]")
        return parse_access_file("access.yaml", text.encode(), words)

    assert "exec" in read("run, putfile, getfile, shell, exec").rules[0].second_person
    for word in ("dir", "devices", "tag", "connect"):
        with pytest.raises(AccessFileError, match=f"{word} cannot wait for a second person"):
            read(word)
