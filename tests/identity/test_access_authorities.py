"""The certificate authorities of access.yaml: what is taken, and each mistake by its key."""

from collections.abc import Callable

import pytest

from server.identity.access_file import AccessFileError
from server.identity.rules import Rules

Parse = Callable[[str], Rules]


def text(entry: str, key: str) -> str:
    people = "people: {alice: {groups: [responders]}, bob: {}}\n"
    authority = f'certificate_authorities:\n- {{name: corp, key: "{key}"{entry}}}\n'
    return f"{people}{authority}rules: []\n"


def test_an_authority_is_taken_as_it_is_written(rules_of: Parse, public_keys: list[str]) -> None:
    entry = (
        ', people: [responders], principal: "{person}@x", sources: ["10.0.0.0/8"], '
        'revoked: {serials: [17, "18"], key_ids: [old], keys: ["SHA256:abc"]}'
    )
    (corp,) = rules_of(text(entry, public_keys[0])).authorities
    assert (corp.name, corp.line, corp.people) == ("corp", 3, frozenset({"alice"}))
    assert (corp.principal, corp.sources) == ("{person}@x", ("10.0.0.0/8",))
    assert corp.revoked_serials == {17, 18}
    assert corp.revoked_ids == {"old"} and corp.revoked_keys == {"SHA256:abc"}


def test_an_authority_for_all_takes_the_name_alone(rules_of: Parse, public_keys: list[str]) -> None:
    (corp,) = rules_of(text(", people: all", public_keys[0])).authorities
    assert corp.people == {"alice", "bob"}
    assert (corp.principal, corp.sources) == ("{person}", ())


@pytest.mark.parametrize(
    ("entry", "key", "why"),
    [
        ("", "", "people is missing"),
        (", people: some", "people", "people is all, or a list of persons and groups"),
        (", people: [carol]", "people[1]", "carol is no person and no group of this file"),
        (", people: all, principal: x", "principal", "principal has {person} in it once"),
        (', people: all, principal: "{person}*"', "principal", "principal has {person} in it"),
        (", people: all, sources: [lan]", "sources[1]", "lan is no address and no network"),
        (", people: all, revoked: {serials: [0]}", "revoked.serials[1]", "0 is the serial of all"),
        (", people: all, revoked: {serials: [x]}", "revoked.serials[1]", "a whole number from 0"),
        (", people: all, revoked: {keys: [abc]}", "revoked.keys[1]", "a revoked key is named by"),
        (", people: all, hosts: true", "hosts", "hosts is no key here"),
    ],
)
def test_a_wrong_authority_is_refused_by_key(
    rules_of: Parse, public_keys: list[str], entry: str, key: str, why: str
) -> None:
    with pytest.raises(AccessFileError) as refused:
        rules_of(text(entry, public_keys[0]))
    place = "certificate_authorities[1]"
    assert refused.value.key == (f"{place}.{key}" if key else place)
    assert refused.value.message.startswith(why)


def test_an_authoritys_key_is_no_persons(rules_of: Parse, public_keys: list[str]) -> None:
    both = text(", people: all", public_keys[0]).replace(
        "bob: {}", f'bob: {{keys: ["{public_keys[0]}"]}}'
    )
    with pytest.raises(AccessFileError, match=r"is bob's already"):
        rules_of(both)


def test_an_authority_stands_once(rules_of: Parse, public_keys: list[str]) -> None:
    one = text(", people: all", public_keys[0])
    again = f'- {{name: corp, key: "{public_keys[1]}", people: all}}\nrules'
    with pytest.raises(AccessFileError, match="an authority corp stands in line 3 already"):
        rules_of(one.replace("rules", again))
