"""Words that wait for a second person though they are no actions by themselves.

1. What a device does alone (run, putfile, getfile) becomes an action: it waits, and runs in a
   session of its own once somebody else approved exactly it.
2. What its person sits before (shell, exec) cannot begin without him: he is refused, and types the
   same line again within `approved_s` of the yes. A yes opens it once.
3. Actions wait by themselves (desk_actions.py); SFTP and scp cannot wait, and are refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands.language.command import Command, DeviceCommand, Spec, TerminalCommand
from commands.language.errors import Refused
from commands.putfile import PutFile
from server.actions.action import Action, said
from server.actions.asked import Asked
from server.identity.access import rule_on
from server.live.device_job import command_value
from server.live.inventory import Device

if TYPE_CHECKING:
    from server.live.rooms import Rooms
    from server.live.session import Session


@dataclass(frozen=True)
class Admitted:
    """How a command that is allowed begins."""

    waits: bool = False
    """As an action, that somebody else has to approve."""
    approved: Action | None = None
    """By the yes that this action has."""


def by_rule(broker: "Rooms", person: str, spec: Spec, device: Device) -> str:
    """The rule that wants a second person for the word there, as a refusal names it; often none."""
    rules = broker.access.rules
    rule = rule_on(rules, person, device.ref)
    if rule is None or rule.second_person.isdisjoint(spec.words):
        return ""
    return f"rule {rule.name}, {rules.file} line {rule.line}"


def refuse_alone(broker: "Rooms", person: str, spec: Spec, device: Device) -> None:
    """Raises Refused for what a rule wants a second person for, and cannot wait here."""
    if rule := by_rule(broker, person, spec, device):
        raise Refused(
            f"{spec.word} on {device.name} needs a second person ({rule}), which sftp and scp "
            f"cannot wait for; {spec.word} typed in a session can"
        )


def waits(session: "Session", command: Command) -> bool:
    """Whether it would be an action for want of a second person."""
    device = session.device
    return device is not None and bool(_reason(session, command.spec, device))


def _reason(session: "Session", spec: Spec, device: Device) -> str:
    """Why somebody else has to approve it; empty where nobody has to."""
    if spec.queued or not spec.answerable:
        return ""  # an action by itself, or nothing that could be asked for
    broker, person = session.sessions.broker, session.person
    if rule := by_rule(broker, person, spec, device):
        return rule
    if spec.changes and broker.radius.over(person, device):
        return f"you have changed {broker.radius.most} within 24 h"
    return ""


def waiting(broker: "Rooms", person: str, spec: Spec, devices: Sequence[Device]) -> int:
    """On how many of these it would wait for somebody else's yes."""
    if not spec.answerable:
        return 0
    by_rules = [device for device in devices if by_rule(broker, person, spec, device)]
    others = [device for device in devices if device not in by_rules]
    return len(by_rules) + (broker.radius.beyond(person, others) if spec.changes else 0)


async def admitted(session: "Session", command: Command, number: int, comment: str) -> Admitted:
    """How it begins; the device counts among those that its person changed. Raises Refused."""
    broker, spec = session.sessions.broker, command.spec
    device = session.sessions.target(session, command)
    if device is None or session.responder.door == "queue":
        return Admitted()  # judged and counted when it was asked
    why = _reason(session, spec, device)
    if not why:
        if spec.changes:
            await broker.radius.changes(session.person, spec, device)
        return Admitted()
    if isinstance(command, TerminalCommand):
        return Admitted(approved=await _approved(session, device, command, number, comment, why))
    if isinstance(command, PutFile) and not command.keep and command.path is None:
        raise Refused(
            f"putfile on {device.name} waits for a second person ({why}), and would be wiped with "
            "this session; add -keep or -path"
        )
    return Admitted(waits=isinstance(command, DeviceCommand))


async def _approved(
    session: "Session", device: Device, command: Command, number: int, comment: str, why: str
) -> Action:
    """The approved action that its person begins now; where there is none, it is asked."""
    broker, person, word = session.sessions.broker, session.person, command.spec.word
    value = command_value(command)
    for one in broker.actions.ledger.opened(device.id):
        same = (one.person, one.word, one.value, one.folder) == (
            person, word, value, session.folder,
        )  # fmt: skip
        if same and one.approval == "given" and one.state == "Pending":
            return await broker.actions.begin_by_hand(one, session.id)
    action, _ = await broker.actions.ask(
        Asked(
            device=device, command=command, text=said(command), person=person, comment=comment,
            door=session.responder.door, where=f"{session.id}#{number}", second=True,
            folder=session.folder,
        )
    )  # fmt: skip
    lasts = f"{broker.config.limits.approved_s / 60:g} m"
    raise Refused(
        f"{word} on {device.name} needs a second person ({why}): {action.label} asks for that; "
        f"type the same again within {lasts} of their approve {action.label}"
    )


def may_alone(session: "Session", spec: Spec, device: Device) -> bool:
    """Whether the rules give its person the word there, with nobody else's yes."""
    allowed = session.sessions.decide(session, spec, device).error is None
    return allowed and not by_rule(session.sessions.broker, session.person, spec, device)
