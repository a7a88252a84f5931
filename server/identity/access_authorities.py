"""The `certificate_authorities` of access.yaml: whose user certificates are taken, and for whom.

certificate_authorities:
  - name: corp
    key: ssh-ed25519 AAAA…             # the CA's public key
    people: [responders]               # persons and groups it may speak for, or: all
    principal: "{person}@example.com"  # what a certificate names; without it {person} alone
    sources: [10.0.0.0/8]              # from where; without it anywhere
    revoked: {serials: [17], key_ids: [alice-2026-11], keys: ["SHA256:…"]}
"""

import ipaddress
from collections.abc import Mapping

from server.identity.access_people import own
from server.identity.person_keys import BadKey, read_key
from server.identity.rules import DEVICE, Authority, Person
from server.identity.yaml_lines import Value, texts_of

_KEYS = ("name", "key", "people", "principal", "sources", "revoked")
_PERSON = "{person}"
LARGEST_SERIAL = 0xFFFF_FFFF_FFFF_FFFF


def read_authorities(
    value: Value, people: dict[str, Person], owners: dict[str, str]
) -> tuple[Authority, ...]:
    """Every authority in order; neither a name nor a key twice, no key that is a person's too."""
    found: dict[str, Authority] = {}
    for entry in value.items():
        authority = _authority(entry, people, owners)
        if (other := found.setdefault(authority.name, authority)) is not authority:
            raise entry.fault(f"an authority {authority.name} stands in line {other.line} already")
    return tuple(found.values())


def _authority(entry: Value, people: dict[str, Person], owners: dict[str, str]) -> Authority:
    fields = entry.fields(_KEYS, ("name", "key", "people"))
    name = fields["name"].text()
    if not DEVICE.fullmatch(name):
        raise fields["name"].fault("an authority's name is letters, digits and . _ -, at most 63")
    try:
        key = read_key(fields["key"].text())
    except BadKey as error:
        raise fields["key"].fault(str(error)) from None
    own(fields["key"], f"key {key.fingerprint}", f"authority {name}", owners)
    serials, ids, keys = _revoked(fields.get("revoked"))
    return Authority(
        name,
        entry.line,
        key,
        _people(fields["people"], people),
        _principal(fields.get("principal")),
        _sources(fields),
        serials,
        ids,
        keys,
    )


def _people(value: Value, people: dict[str, Person]) -> frozenset[str]:
    if value.is_text():
        if value.text() != "all":
            raise value.fault("people is all, or a list of persons and groups")
        return frozenset(people)
    covered: set[str] = set()
    for place, text in value.texts():
        members = {text} & people.keys() or {p.name for p in people.values() if text in p.groups}
        if not members:
            raise place.fault(f"{text} is no person and no group of this file")
        covered |= members
    return frozenset(covered)


def _principal(value: Value | None) -> str:
    if value is None:
        return _PERSON
    text = value.text()
    if text.count(_PERSON) != 1 or set("*?,") & set(text):
        raise value.fault("principal has {person} in it once, and no * ? or comma")
    return text


def _sources(fields: Mapping[str, Value]) -> tuple[str, ...]:
    for place, text in (texts := texts_of(fields, "sources")):
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise place.fault(f"{text[:60]} is no address and no network such as 10.0.0.0/8") from (
                None
            )
    return tuple(text for _, text in texts)


def _revoked(value: Value | None) -> tuple[frozenset[int], frozenset[str], frozenset[str]]:
    if value is None:
        return frozenset(), frozenset(), frozenset()
    fields = value.fields(("serials", "key_ids", "keys"), ())
    serials = set()
    for entry in fields["serials"].items() if "serials" in fields else []:
        serial = entry.number(LARGEST_SERIAL)
        if serial == 0:
            raise entry.fault("0 is the serial of all certificates made without one; use key_ids")
        serials.add(serial)
    for place, text in (keys := texts_of(fields, "keys")):
        if not text.startswith("SHA256:"):
            raise place.fault("a revoked key is named by its fingerprint, SHA256:…")
    ids = texts_of(fields, "key_ids")
    return frozenset(serials), frozenset(t for _, t in ids), frozenset(t for _, t in keys)
