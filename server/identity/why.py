"""What `why COMMAND [DEVICE]` prints: the deciding rule, and which rules show the way to it."""

import dataclasses

from server.identity.decision import Ask, Decision, decide, rule_on
from server.identity.rules import Rule, Rules

MOST = 5


def explain(rules: Rules, ask: Ask) -> list[str]:
    """The lines of the answer; of a device that may not be seen it says nothing more."""
    decision = decide(rules, ask)
    if decision.status == 4:
        return [decision.sentence]
    verdict = "allowed" if decision.allowed else "refused"
    lines = [f"{verdict}: {decision.reason}"]
    if decision.allowed and (rule := _second(rules, ask)) is not None:
        where = f"rule {rule.name}, {rules.file} line {rule.line}"
        lines.append(f"it begins when a second person has approved it ({where})")
    if decision.allowed or ask.person not in rules.people:
        return lines
    return lines + _way(rules, ask, decision)


def _second(rules: Rules, ask: Ask) -> Rule | None:
    """The rule that wants a second person for it there."""
    rule = rule_on(rules, ask.person, ask.device) if ask.device is not None else None
    return None if rule is None or rule.second_person.isdisjoint(ask.words) else rule


def _way(rules: Rules, ask: Ask, decision: Decision) -> list[str]:
    if decision.rule and decide(rules, dataclasses.replace(ask, has_comment=True)).allowed:
        return [decision.hint]
    where = f" on {ask.device.name}" if ask.device else ""
    giving = [rule for rule in rules.rules if _gives(rules, rule, ask)]
    if not giving:
        return [f"no rule of {rules.file} gives {ask.word}{where} to anybody"]
    lines = [_shown(rule, ask, decision, where) for rule in giving[:MOST]]
    if len(giving) > MOST:
        lines.append(f"and {len(giving) - MOST} more rules")
    return lines


def _shown(rule: Rule, ask: Ask, decision: Decision, where: str) -> str:
    if ask.person in rule.people:
        return f"rule {rule.name} (line {rule.line}) would, but rule {decision.rule} decides first"
    return f"rule {rule.name} (line {rule.line}) gives it{where} to {', '.join(rule.named)}"


def _gives(rules: Rules, rule: Rule, ask: Ask) -> bool:
    """Whether the rule alone would allow the same to somebody it names."""
    if ask.device is not None and not rule.scope.covers(ask.device):
        return False
    alone = dataclasses.replace(rules, rules=(rule,))
    person = min(rule.people)
    return decide(alone, dataclasses.replace(ask, person=person, has_comment=True)).allowed
