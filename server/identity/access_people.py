"""The `people` of access.yaml: their names, keys, groups and local accounts."""

from server.identity.person_keys import BadKey, PersonKey, read_key
from server.identity.rules import PERSON, Person
from server.identity.yaml_lines import Value, texts_of


def read_people(value: Value) -> dict[str, Person]:
    """Every person by name; a key, like a local account, belongs to one of them."""
    people: dict[str, Person] = {}
    owners: dict[str, str] = {}
    for name, (place, entry) in value.entries().items():
        if not PERSON.fullmatch(name):
            raise place.fault("a person's name is a-z, then a-z 0-9 . _ -, at most 32")
        people[name] = _person(name, place.line, entry, owners)
    groups = {group for person in people.values() for group in person.groups}
    for name in people.keys() & groups:
        raise value.entries()[name][0].fault(f"{name} is a person and a group")
    return people


def _person(name: str, line: int, value: Value, owners: dict[str, str]) -> Person:
    fields = value.fields(("keys", "groups", "accounts"), ())
    keys = tuple(_key(name, *pair, owners) for pair in texts_of(fields, "keys"))
    for place, account in texts_of(fields, "accounts"):
        _own(place, f"account {account}", name, owners)
    for place, group in texts_of(fields, "groups"):
        if not PERSON.fullmatch(group):
            raise place.fault("a group's name is a-z, then a-z 0-9 . _ -, at most 32")
    groups, accounts = (
        tuple(text for _, text in texts_of(fields, key)) for key in ("groups", "accounts")
    )
    return Person(name, line, keys, groups, accounts)


def _key(person: str, place: Value, line: str, owners: dict[str, str]) -> PersonKey:
    try:
        key = read_key(line)
    except BadKey as error:
        raise place.fault(str(error)) from None
    _own(place, f"key {key.fingerprint}", person, owners)
    return key


def _own(place: Value, thing: str, person: str, owners: dict[str, str]) -> None:
    if (owner := owners.setdefault(thing, person)) != person:
        raise place.fault(f"{thing} is {owner}'s already; it names one person")
