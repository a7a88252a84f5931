"""Who somebody is."""

from collections.abc import Callable

import asyncssh

from server.identity.people import authorized_keys_for, person_for_account, person_for_key
from server.identity.rules import Rules


def test_a_key_is_its_person_s_only_under_the_own_name(
    rules_of: Callable[[str], Rules], public_keys: list[str]
) -> None:
    rules = rules_of(
        f"people:\n  alice: {{keys: ['{public_keys[0]}', '{public_keys[1]}']}}\n"
        f"  bob: {{keys: ['{public_keys[2]}'], accounts: [bob]}}\n  carl: {{}}\n"
        "rules: []\n"
    )
    prints = [asyncssh.import_public_key(k).get_fingerprint() for k in public_keys]
    for index, name in ((0, "alice"), (1, "alice"), (2, "bob")):
        found = person_for_key(rules, name, prints[index])
        assert found is not None
        assert found.name == name
    assert person_for_key(rules, "bob", prints[0]) is None
    assert person_for_key(rules, "eve", prints[0]) is None
    assert person_for_key(rules, "carl", "") is None
    assert authorized_keys_for(rules, "carl") is None
    assert authorized_keys_for(rules, "eve") is None

    data = authorized_keys_for(rules, "alice")
    assert data is not None
    keys = asyncssh.import_authorized_keys(data.decode("ascii"))
    for index, name in ((0, "alice"), (1, "alice"), (2, "bob")):
        key = asyncssh.import_public_key(public_keys[index])
        assert (keys.validate(key, "h", "127.0.0.1") is not None) == (name == "alice")

    bob = person_for_account(rules, "bob")
    assert bob is not None
    assert bob.name == "bob"
    assert person_for_account(rules, "root") is None
