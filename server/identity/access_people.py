"""The `people` of access.yaml: their names, keys, groups and local accounts."""

from server.identity.person_keys import BadKey, PersonKey, read_key
from server.identity.rules import PERSON, Person
from server.identity.yaml_lines import Value, texts_of


def read_people(value: Value, owners: dict[str, str]) -> dict[str, Person]:
    """Every person by name; a key, like a local account, belongs to one of them (`owners`)."""
    people: dict[str, Person] = {}
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
        own(place, f"account {account}", name, owners)
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
    own(place, f"key {key.fingerprint}", person, owners)
    return key


def own(place: Value, thing: str, person: str, owners: dict[str, str]) -> None:
    """Notes whose something is; a fault where it is somebody else's already."""
    if (owner := owners.setdefault(thing, person)) != person:
        raise place.fault(f"{thing} is {owner}'s already; it names one person")
