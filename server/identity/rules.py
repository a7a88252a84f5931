"""The people and rules of one access file, as frozen values; how a rule covers a device and a door.

1. Rules stand in the file's order. For a device, the first rule that names the person, covers the
   device and is of the asked kind decides; later ones are not asked.
2. There are three kinds: responder (basic, advanced), auditor, operator. None includes another.
3. Device names and tags are compared without case.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from commands.language.command import Role
from server.identity.person_keys import PersonKey

PERSON = re.compile(r"[a-z][a-z0-9._-]{0,31}")
DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

ROLES: tuple[Role, ...] = ("basic", "advanced", "auditor", "operator")
RIGHTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "library": ("write",),
        "overwrite": ("allow",),
        "tags": ("write",),
        "watch": ("allow",),
        "approve": ("allow",),
    }
)
DOORS = ("console", "exec", "shell", "sftp", "scp", "api", "web", "queue", "admin")
# A door that a rule's `comment` does not name follows the one it is a form of.
_FORM_OF = {"shell": "exec", "lines": "exec", "scp": "sftp"}


@dataclass(frozen=True, slots=True)
class DeviceRef:
    """A device as the rules see it."""

    name: str
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Person:
    """One of `people`. `accounts` are the broker's local accounts that are this person."""

    name: str
    line: int
    keys: tuple[PersonKey, ...]
    groups: tuple[str, ...]
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Authority:
    """One of `certificate_authorities`; `people` is expanded."""

    name: str
    line: int
    key: PersonKey
    people: frozenset[str]
    principal: str
    sources: tuple[str, ...]
    revoked_serials: frozenset[int]
    revoked_ids: frozenset[str]
    revoked_keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scope:
    """The devices of a rule: all of them, or those with one of the names or tags (casefolded)."""

    every: bool
    names: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    def covers(self, device: DeviceRef) -> bool:
        if self.every or device.name.casefold() in self.names:
            return True
        return any(tag.casefold() in self.tags for tag in device.tags)


@dataclass(frozen=True, slots=True)
class Rule:
    """One of `rules`. `people` is expanded; `named` is what the file says."""

    name: str
    line: int
    named: tuple[str, ...]
    people: frozenset[str]
    role: Role
    scope: Scope
    allow: frozenset[str] | None
    deny: frozenset[str]
    rights: frozenset[str]
    comment: Mapping[str, bool]
    second_person: frozenset[str] = frozenset()
    """Words that begin only when somebody else has approved them."""

    @property
    def kind(self) -> str:
        return kind_of(self.role)

    def permits(self, word: str) -> bool:
        return word not in self.deny and (self.allow is None or word in self.allow)

    def needs_comment(self, door: str) -> bool:
        return self.comment.get(door, self.comment.get(_FORM_OF.get(door, door), False))


@dataclass(frozen=True, slots=True)
class Rules:
    """One access file, whole."""

    file: str
    sha256: str
    lines: tuple[str, ...]
    people: Mapping[str, Person]
    rules: tuple[Rule, ...]
    authorities: tuple[Authority, ...] = ()
    _of: dict[str, tuple[Rule, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # By person, so that a list of ten thousand devices asks only the rules that matter.
        by_person: dict[str, list[Rule]] = {}
        for rule in self.rules:
            for person in rule.people:
                by_person.setdefault(person, []).append(rule)
        found = {person: tuple(rules) for person, rules in by_person.items()}
        object.__setattr__(self, "_of", found)

    def of(self, person: str, device: DeviceRef | None = None) -> tuple[Rule, ...]:
        """The rules that name the person and cover the device, in order."""
        rules = self._of.get(person, ())
        if device is None:
            return rules
        return tuple(rule for rule in rules if rule.scope.covers(device))

    def sees(self, person: str, device: DeviceRef) -> bool:
        """Whether any rule that names the person covers the device."""
        return any(rule.scope.covers(device) for rule in self._of.get(person, ()))


def kind_of(role: Role) -> str:
    """The kind of a role: responders are basic and advanced, the others are their own."""
    return "responder" if role in ("basic", "advanced") else role


def right_name(right: str) -> str:
    """A right in its one form, `library:write`; the value may be left out where there is one."""
    name, _, value = (part.strip() for part in right.partition(":"))
    values = RIGHTS.get(name, ())
    return f"{name}:{value or (values[0] if len(values) == 1 else '')}"
