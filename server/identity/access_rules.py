"""The `rules` of access.yaml: whom each names, what they are there, on which devices."""

from collections.abc import Mapping
from types import MappingProxyType

from commands.language.command import Role, find
from server.identity.rules import DEVICE, DOORS, RIGHTS, ROLES, Person, Rule, Scope
from server.identity.yaml_lines import Value, texts_of

_RULE_KEYS = (
    "name", "people", "role", "devices", "allow", "deny", "rights", "comment",
    "second_person",
)  # fmt: skip
_NEEDED = ("name", "people", "role", "devices")


def read_rules(value: Value, people: dict[str, Person], words: Mapping[str, str]) -> list[Rule]:
    """Every rule in order, its people expanded and its words made the commands' own."""
    rules: dict[str, Rule] = {}
    first: dict[tuple[str, str], Rule] = {}
    for entry in value.items():
        rule = _rule(entry, people, words)
        if (other := rules.setdefault(rule.name, rule)) is not rule:
            raise entry.fault(f"a rule {rule.name} stands in line {other.line} already")
        for person in sorted(rule.people):
            first.setdefault((person, rule.kind), rule)
            _keep_apart(entry, rule, person, first)
    return list(rules.values())


_APART = {"auditor": "responder", "responder": "auditor"}


def _keep_apart(entry: Value, rule: Rule, person: str, first: dict[tuple[str, str], Rule]) -> None:
    if other := first.get((person, _APART.get(rule.kind, ""))):
        raise entry.fault(
            f"{person} is {other.role} (rule {other.name}, line {other.line}) and cannot also be "
            f"{rule.role}: an auditor never acts on a device"
        )


def _rule(entry: Value, people: dict[str, Person], words: Mapping[str, str]) -> Rule:
    fields = entry.fields(_RULE_KEYS, _NEEDED)
    name = fields["name"].text()
    if not DEVICE.fullmatch(name):
        raise fields["name"].fault("a rule's name is letters, digits and . _ -, at most 63")
    named, covered = _named(fields["people"], people)
    return Rule(
        name=name,
        line=entry.line,
        named=named,
        people=covered,
        role=_role(fields["role"]),
        scope=_scope(fields["devices"]),
        allow=_words(fields, "allow", words) if "allow" in fields else None,
        deny=_words(fields, "deny", words) or frozenset(),
        rights=_rights(fields.get("rights")),
        comment=_comment(fields.get("comment")),
        second_person=_second_person(fields, words),
    )


def _named(value: Value, people: dict[str, Person]) -> tuple[tuple[str, ...], frozenset[str]]:
    texts = value.texts()
    if not texts:
        raise value.fault("a rule names at least one person or group")
    covered: set[str] = set()
    for place, text in texts:
        members = {text} & people.keys() or {p.name for p in people.values() if text in p.groups}
        if not members:
            raise place.fault(f"{text} is no person and no group of this file")
        covered |= members
    return tuple(text for _, text in texts), frozenset(covered)


def _role(value: Value) -> Role:
    text = value.text()
    for role in ROLES:
        if text == role:
            return role
    raise value.fault(f"{text} is no role; known: {', '.join(ROLES)}")


def _scope(value: Value) -> Scope:
    if value.is_text():
        if value.text() != "all":
            raise value.fault("devices is all, or a list of names and tag:NAME")
        return Scope(every=True)
    names: set[str] = set()
    tags: set[str] = set()
    for place, text in value.texts():
        kind, colon, tag = text.partition(":")
        if not DEVICE.fullmatch(tag if colon else text) or (colon and kind != "tag"):
            raise place.fault(f"{text} is no device's name and no tag:NAME")
        if text.casefold() == "all":
            raise place.fault("all stands alone: devices: all")
        (tags if colon else names).add((tag if colon else text).casefold())
    if not names and not tags:
        raise value.fault("a rule covers at least one device or tag")
    return Scope(False, frozenset(names), frozenset(tags))


def _words(fields: Mapping[str, Value], key: str, words: Mapping[str, str]) -> frozenset[str]:
    for place, text in (texts := texts_of(fields, key)):
        if text not in words:
            raise place.fault(f"{text} is no command")
    return frozenset(words[text] for _, text in texts)


def _second_person(fields: Mapping[str, Value], words: Mapping[str, str]) -> frozenset[str]:
    """What cannot wait must not look as if it did."""
    for place, text in texts_of(fields, "second_person"):
        kind = find(words.get(text, ""))
        if kind is not None and not kind.spec.answerable:
            raise place.fault(
                f"{text} cannot wait for a second person; actions, what changes a device, and "
                "getfile can"
            )
    return _words(fields, "second_person", words)


def _rights(value: Value | None) -> frozenset[str]:
    rights = set()
    for name, (place, entry) in (value.entries() if value else {}).items():
        if name not in RIGHTS:
            raise place.fault(f"{name} is no right; known: {', '.join(RIGHTS)}")
        if (given := entry.text()) not in RIGHTS[name]:
            raise entry.fault(f"{name} is {' or '.join(RIGHTS[name])}, or is left out")
        rights.add(f"{name}:{given}")
    return frozenset(rights)


def _comment(value: Value | None) -> Mapping[str, bool]:
    if value is None:
        return MappingProxyType({})
    if value.is_text():
        return MappingProxyType(dict.fromkeys(DOORS, _required(value)))
    doors = {}
    for door, (place, entry) in value.entries().items():
        if door not in DOORS:
            raise place.fault(f"{door} is no door; known: {', '.join(DOORS)}")
        doors[door] = _required(entry)
    return MappingProxyType(doors)


def _required(value: Value) -> bool:
    if (text := value.text()) not in ("required", "optional"):
        raise value.fault(f"{text} is neither required nor optional")
    return text == "required"
