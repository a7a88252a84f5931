"""The people of access.yaml: what is refused of them, with line and key."""

from collections.abc import Callable

import pytest

from server.identity.access_file import AccessFileError
from server.identity.rules import Rules

Parse = Callable[[str], Rules]


@pytest.mark.parametrize(
    ("people", "key", "message"),
    [
        ("Alice: {}", "people.Alice", "a person's name"),
        ("1a: {}", "people.1a", "a person's name"),
        ('"": {}', "people.", "a person's name"),
        ("a~b: {}", "people.a~b", "a person's name"),
        (f"a{'b' * 32}: {{}}", "people.abb", "a person's name"),
        ("no: {}", "people", "put it in quotes"),
        ("alice: []", "people.alice", "a mapping"),
        ("alice: {keys: ssh-ed25519}", "people.alice.keys", "a list"),
        ("alice: {keys: [ssh-ed25519 AAAA]}", "people.alice.keys[1]", "damaged"),
        ("alice: {groups: [A B]}", "people.alice.groups[1]", "a group's name"),
        ("alice: {groups: [x, x]}", "people.alice.groups[2]", "twice"),
        ("alice: {groups: [bob]}, bob: {}", "people.bob", "bob is a person and a group"),
        (
            "alice: {accounts: [root]}, bob: {accounts: [root]}",
            "people.bob.accounts[1]",
            "account root is alice's already",
        ),
        ("alice: {}, alice: {}", "people.alice", "twice"),
    ],
)
def test_a_wrong_person_is_refused_by_key(
    rules_of: Parse, people: str, key: str, message: str
) -> None:
    with pytest.raises(AccessFileError, match=message) as refused:
        rules_of(f"rules: []\npeople: {{{people}}}\n")
    assert refused.value.line == 2
    assert refused.value.key.startswith(key)


def test_a_key_of_two_people_is_refused_at_the_second(
    rules_of: Parse, public_keys: list[str]
) -> None:
    kind, body, _ = public_keys[0].split()
    text = (
        f"people:\n  alice:\n    keys:\n    - {public_keys[0]}\n  bob:\n    keys:\n"
        f"    - {kind} {body} another comment\nrules: []\n"
    )
    with pytest.raises(AccessFileError, match="is alice's already") as refused:
        rules_of(text)
    assert (refused.value.line, refused.value.key) == (7, "people.bob.keys[1]")


def test_a_certificate_authority_is_no_key(rules_of: Parse, public_keys: list[str]) -> None:
    with pytest.raises(AccessFileError, match="its CA in certificate_authorities"):
        rules_of(f"people: {{a: {{keys: ['cert-authority {public_keys[0]}']}}}}\nrules: []\n")
