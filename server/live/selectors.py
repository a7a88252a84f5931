"""Which devices a SELECTOR means; pure.

    web-01      that device, whatever the case        web-*     names that fit: * ? [ab]
    tag:web     what has the tag                      group:G   what a rule gives to the group
    platform:linux, platform:windows                  isolated, restricted, all
    A,B         all of them together                  A,!B      A without B; !B alone: all others

1. It chooses among the devices that the person may see: what is not seen is like what is not there.
2. A plain name must be one of them, in an exclusion too: a name mistyped there would be a device
   too many.
3. A tag that a device only proposes is no tag.
"""

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from commands.language.errors import NotUnderstood, Unreachable
from commands.language.visible import visible
from server.identity.access import Rules, unseen
from server.live.inventory import Device

Kind = Literal["name", "glob", "tag", "platform", "group", "isolated", "restricted", "all"]
ALONE: tuple[Kind, ...] = ("all", "isolated", "restricted")
PREFIXED: tuple[Kind, ...] = ("tag", "platform", "group")
PLATFORMS = ("linux", "windows")
RESERVED = frozenset(ALONE)
"""Words that stand for themselves here, so no device can be called so."""


@dataclass(frozen=True)
class Term:
    """One part of a selector; `value` is folded."""

    kind: Kind
    value: str
    text: str


@dataclass(frozen=True)
class Selector:
    """A selector understood."""

    text: str
    chosen: tuple[Term, ...]
    without: tuple[Term, ...]

    @property
    def one_name(self) -> str | None:
        """The device's name where it is nothing but one."""
        if len(self.chosen) == 1 and not self.without and self.chosen[0].kind == "name":
            return self.chosen[0].text
        return None

    @property
    def explicit(self) -> bool:
        """Whether every device is named: nothing that happens to be there is meant by it."""
        return bool(self.chosen) and all(term.kind == "name" for term in self.chosen)


def parse(text: str) -> Selector:
    """The selector of a text; raises NotUnderstood."""
    chosen: list[Term] = []
    without: list[Term] = []
    for part in text.split(","):
        word = part.strip()
        (without if word.startswith("!") else chosen).append(_term(word.removeprefix("!").strip()))
    return Selector(text, tuple(chosen), tuple(without))


def _term(word: str) -> Term:
    if not word:
        raise NotUnderstood("a selector has an empty part: names, tag:NAME and the like, by commas")
    folded = word.casefold()
    before, colon, value = folded.partition(":")
    for kind in PREFIXED:
        if colon and before == kind:
            if not value:
                raise NotUnderstood(f"{kind}: names nothing; type {kind}:NAME")
            if kind == "platform" and value not in PLATFORMS:
                raise NotUnderstood(f"platform: is {' or '.join(PLATFORMS)}, not {_show(value)}")
            return Term(kind, value, word)
    if colon:
        known = " ".join(f"{kind}:" for kind in PREFIXED)
        raise NotUnderstood(f"{_show(before)}: is no kind of selector; known: {known}")
    for alone in ALONE:
        if folded == alone:
            return Term(alone, "", word)
    return Term("glob" if re.search(r"[*?\[]", word) else "name", folded, word)


def select(selector: Selector, devices: Sequence[Device], rules: Rules) -> list[Device]:
    """The devices meant, in the order given; Unreachable where a name or all of it is none."""
    names = {device.name.casefold() for device in devices}
    for term in (*selector.chosen, *selector.without):
        if term.kind == "name" and term.value not in names:
            raise Unreachable(unseen(visible(term.text)[:64]).sentence)
    chosen = [_test(term, rules) for term in selector.chosen]
    without = [_test(term, rules) for term in selector.without]
    found = [
        device
        for device in devices
        if (not chosen or any(test(device) for test in chosen))
        and not any(test(device) for test in without)
    ]
    if not found:
        raise Unreachable(
            f"{_show(selector.text)}: no device that you may see is meant by it; "
            "devices lists those that you may"
        )
    return found


def _test(term: Term, rules: Rules) -> Callable[[Device], bool]:
    value = term.value
    match term.kind:
        case "all":
            return lambda device: True
        case "name":
            return lambda device: device.name.casefold() == value
        case "glob":
            fits = re.compile(fnmatch.translate(value))
            return lambda device: fits.match(device.name.casefold()) is not None
        case "tag":
            return lambda device: any(tag.casefold() == value for tag in device.tags)
        case "platform":
            return lambda device: device.platform == value
        case "isolated":
            return lambda device: device.isolated
        case "restricted":
            return lambda device: device.restricted
        case "group":
            return _of_group(value, rules)


def _of_group(group: str, rules: Rules) -> Callable[[Device], bool]:
    """What any rule gives to the group, as the access file names it."""
    if not any(group == name.casefold() for p in rules.people.values() for name in p.groups):
        raise NotUnderstood(f"group:{_show(group)}: {rules.file} has no such group")
    given = [r for r in rules.rules if any(group == name.casefold() for name in r.named)]
    return lambda device: any(rule.scope.covers(device.ref) for rule in given)


def _show(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= 60 else shown[:59] + "…"
