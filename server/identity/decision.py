"""The one function that decides who may do what; every way in asks it, for every command.

1. Denied, unless a rule allows it. A person that the file does not name may nothing.
2. A word of role `any` is allowed to every person known; where it names a device, to who sees it.
3. A device that none of a person's rules covers is answered as one that does not exist: status 4,
   the same sentence, no rule named.
4. On a device the first rule of the word's kind decides (rules.py). Advanced includes basic;
   auditor and operator include nothing else.
5. A word that needs no device is denied if a rule of its kind denies it, down to the first rule
   for all devices; else the first that permits it decides.
"""

from collections.abc import Callable
from dataclasses import dataclass

from commands.language.command import Role
from server.identity.rules import DeviceRef, Rule, Rules, kind_of, right_name

NO_SUCH_DEVICE = "no device of that name that you may see"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked: who, which command word as declared, on which device, through which door."""

    person: str
    word: str
    role_needed: Role
    right_needed: str | None
    device: DeviceRef | None
    door: str
    has_comment: bool = False
    under: str | None = None
    """Another word whose denial denies this one, as declared."""

    @property
    def words(self) -> tuple[str, ...]:
        return (self.word,) if self.under is None else (self.word, self.under)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and by which rule (its name and line; neither where no rule did)."""

    allowed: bool
    rule: str | None
    line: int | None
    role: Role | None
    reason: str
    status: int
    hint: str = ""

    @property
    def sentence(self) -> str:
        """Reason and hint, without the class word."""
        return f"{self.reason}; {self.hint}" if self.hint else self.reason


def decide(rules: Rules, ask: Ask) -> Decision:
    """Whether the person may do it there, now; the reason says why not."""
    if ask.person not in rules.people:
        return _refused(
            f"{ask.person} is nobody that {rules.file} names", None, "an operator can add you"
        )
    if ask.device is not None and not may_see(rules, ask.person, ask.device):
        return unseen(ask.device.name)
    if ask.role_needed == "any":
        rule = next(iter(rules.of(ask.person, ask.device)), None) if ask.device else None
        return _allowed(f"{ask.word} is everybody's", rule)
    if ask.device is None:
        return _decide_at_desk(rules, ask)
    rule = _first(rules.of(ask.person, ask.device), lambda r: r.kind == kind_of(ask.role_needed))
    return _judge(rules, ask, rule)


def unseen(name: str) -> Decision:
    """The answer for a device that may not be seen or does not exist; there is no other one."""
    return Decision(
        False, None, None, None, f"{name}: {NO_SUCH_DEVICE}", 4, "devices lists those that you may"
    )


def may_see(rules: Rules, person: str, device: DeviceRef) -> bool:
    """Whether any rule gives the person anything on the device."""
    return rules.sees(person, device)


def rule_on(rules: Rules, person: str, device: DeviceRef) -> Rule | None:
    """The rule that says what the person is there; a responder's before any other."""
    found = rules.of(person, device)
    return _first(found, lambda rule: rule.kind == "responder") or next(iter(found), None)


def rules_by_kind(rules: Rules, person: str, device: DeviceRef) -> dict[str, Rule]:
    """The rule of each kind that decides there; later ones are not asked."""
    found: dict[str, Rule] = {}
    for rule in rules.of(person, device):
        found.setdefault(rule.kind, rule)
    return found


def role_on(rules: Rules, person: str, device: DeviceRef) -> Role | None:
    """What the person is on the device; None where it may not be seen."""
    rule = rule_on(rules, person, device)
    return rule.role if rule else None


def comment_needed(rules: Rules, person: str, device: DeviceRef, door: str) -> bool:
    """Whether a session of this person there must carry a comment, through this door."""
    rule = rule_on(rules, person, device)
    return rule is not None and rule.needs_comment(door)


def _decide_at_desk(rules: Rules, ask: Ask) -> Decision:
    """Rule 5 above."""
    reached: list[Rule] = []
    for rule in rules.of(ask.person):
        if rule.kind == kind_of(ask.role_needed):
            reached.append(rule)
            if rule.scope.every:
                break
    denying = _first(reached, lambda rule: not rule.deny.isdisjoint(ask.words))
    permitting = _first(reached, lambda rule: _judge(rules, ask, rule).allowed)
    return _judge(rules, ask, denying or permitting or next(iter(reached), None))


def _judge(rules: Rules, ask: Ask, rule: Rule | None) -> Decision:
    """What one rule of the right kind (or none) says to the ask."""
    what = f"{ask.word} on {ask.device.name}" if ask.device else ask.word
    ways = f"why {ask.word} {ask.device.name}" if ask.device else f"why {ask.word}"
    hint = f"{ways} shows the way to it"
    if rule is None:
        other = next(iter(rules.of(ask.person, ask.device)), None)
        if other is None:
            return _refused(
                f"{what} needs {ask.role_needed}, no rule of {rules.file} names you", None, hint
            )
        return _refused(_lacking(rules, what, ask.role_needed, other), other, hint)
    place = _place(rules, rule)
    if ask.role_needed == "advanced" and rule.role == "basic":
        return _refused(_lacking(rules, what, ask.role_needed, rule), rule, hint)
    for word in ask.words:
        which = what if word == ask.word else f"{what} needs {word}, which"
        if word in rule.deny:
            return _refused(f"{which} is denied {place}", rule, hint)
        if not rule.permits(word):
            return _refused(f"{which} is not among the words allowed {place}", rule, hint)
    if ask.right_needed and right_name(ask.right_needed) not in rule.rights:
        right = right_name(ask.right_needed).replace(":", ": ")
        return _refused(f"{what} needs the right {right}, which is not given {place}", rule, hint)
    if ask.device and rule.needs_comment(ask.door) and not ask.has_comment:
        return _refused(f"{what} needs a comment {place}", rule, _comment_hint(ask.door))
    return _allowed(f"{what}: you are {rule.role} {place}", rule)


def _lacking(rules: Rules, what: str, needed: str, rule: Rule) -> str:
    return f"{what} needs {needed}, you are {rule.role} {_place(rules, rule)}"


def _place(rules: Rules, rule: Rule) -> str:
    return f"(rule {rule.name}, {rules.file} line {rule.line})"


def _comment_hint(door: str) -> str:
    if door in ("sftp", "scp"):
        return "give it with -o SetEnv='FIRELINE_COMMENT=\"CASE and reason\"'"
    return "give it with -comment 'CASE and reason'"


def _first(rules: tuple[Rule, ...] | list[Rule], fits: Callable[[Rule], bool]) -> Rule | None:
    return next((rule for rule in rules if fits(rule)), None)


def _refused(reason: str, rule: Rule | None, hint: str = "") -> Decision:
    if rule is None:
        return Decision(False, None, None, None, reason, 3, hint)
    return Decision(False, rule.name, rule.line, rule.role, reason, 3, hint)


def _allowed(reason: str, rule: Rule | None) -> Decision:
    if rule is None:
        return Decision(True, None, None, None, reason, 0)
    return Decision(True, rule.name, rule.line, rule.role, reason, 0)
