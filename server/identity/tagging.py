"""What a change of a device's tags would mean for the person who makes it.

Rules select by tag, so who tags gives and takes rights. Nobody changes his own.
"""

from server.identity.decision import rules_by_kind
from server.identity.rules import DeviceRef, Rule, Rules


def own_change(rules: Rules, person: str, before: DeviceRef, after: DeviceRef) -> Rule | None:
    """The rule by which the person's own rights on the device would become other ones."""
    was, would = rules_by_kind(rules, person, before), rules_by_kind(rules, person, after)
    for kind in sorted({*was, *would}):
        if was.get(kind) is not would.get(kind):
            return would.get(kind) or was.get(kind)
    return None
