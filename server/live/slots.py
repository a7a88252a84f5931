"""How many sessions there may be: of everybody, of one person, on one device.

Exec, sftp and scp take no slot and have a cap of their own; an action's session takes neither, nor
does one of the many that an `on` opens, so many at once (devices_at_once).
"""

from typing import TYPE_CHECKING

from commands.language.errors import Refused, Unreachable
from server.identity.access import comment_needed, rule_on
from server.live.device_words import since
from server.live.inventory import Device
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.sessions import Sessions

SLOTS = ("console", "shell")
"""Doors whose sessions are counted against the slots; the others have a cap of their own."""
NO_CAP = (*SLOTS, "queue")


def may_open(
    sessions: "Sessions", responder: Responder, device: Device, comment: str | None
) -> None:
    if (role := no_responder(sessions, responder.person, device)) != "":
        raise Refused(
            f"a session on {device.name} needs basic or advanced, you are {role} there; why "
            f"connect {device.name} shows why"
        )
    if (
        comment_needed(sessions.broker.access.rules, responder.person, device.ref, responder.door)
        and not comment
    ):
        raise Refused(f"a session on {device.name} needs a comment; add -comment 'case and reason'")
    if not device.online:
        raise Unreachable(f"{device.name} is offline{since(device)}")
    if responder.of:
        return
    every, mine, others = slots(sessions, responder.person)
    if responder.door in SLOTS:
        if every >= sessions.limits.sessions:
            raise Refused(f"{sessions.limits.sessions} sessions are open; one must end first")
        _check_room(sessions, device)
        if mine >= sessions.limits.sessions_per_person:
            raise Refused(
                f"you have {sessions.limits.sessions_per_person} sessions open; end one first"
            )
    elif responder.door != "queue" and others >= sessions.limits.exec_per_person:
        raise Refused(f"you have {sessions.limits.exec_per_person} of these open; end one first")


def no_responder(sessions: "Sessions", person: str, device: Device) -> str:
    """What the person is there instead of a responder; empty where he is one."""
    rule = rule_on(sessions.broker.access.rules, person, device.ref)
    if rule is not None and rule.role in ("basic", "advanced"):
        return ""
    return str(rule.role) if rule is not None else "nothing"


def _check_room(sessions: "Sessions", device: Device) -> None:
    """Several sessions on a device, or one, is the operator's choice."""
    most = sessions.limits.sessions_per_device
    on_it = [s for s in sessions.live.values() if s.device is device and not s.responder.of]
    held = [s for s in on_it if s.responder.door in SLOTS]
    if len(held) >= most:
        one = held[0]
        how = "one session at a time" if most == 1 else f"{most} sessions at once"
        raise Refused(
            f"{device.name} takes {how} and {one.id} of {one.person} is open; attach "
            f"{one.id} -watch looks at it, -ask asks for it"
        )


def has_room_beside(sessions: "Sessions", person: str, device: Device) -> bool:
    """Whether a session more would leave room for one that somebody comes to work in."""
    limits = sessions.limits
    every, mine, _ = slots(sessions, person)
    here = [s for s in sessions.live.values() if s.device is device and s.responder.door in SLOTS]
    return (
        every + 1 < limits.sessions
        and mine + 1 < limits.sessions_per_person
        and len(here) + 1 < limits.sessions_per_device
    )


def slots(sessions: "Sessions", person: str) -> tuple[int, int, int]:
    """Sessions on devices: of everybody, of this person, and those that take no slot."""
    held = [s for s in sessions.live.values() if s.device is not None and not s.responder.of]
    every = [s for s in held if s.responder.door in SLOTS]
    mine = [s for s in every if s.person == person]
    others = [s for s in held if s.person == person and s.responder.door not in NO_CAP]
    return len(every), len(mine), len(others)
