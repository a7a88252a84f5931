"""The first lines after login, and the first lines of a session (console.md); pure, visible text.

What a device says of itself stands here too, so every word of it goes through the escaper.
"""

import datetime
import socket
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Annotated

from commands.language import wire
from commands.language.items import Column, Row
from commands.language.visible import visible
from server.audit import clock
from server.identity.access import Rules, may_see
from server.live.contained import flags, told
from server.live.device_words import doubts
from server.live.inventory import Device
from server.live.render import Style, dim, wrapped
from server.live.render.cells import moment
from server.live.render.messages import duration
from server.live.render.rows import form
from server.live.responder import Responder
from server.live.session import Session

MOST_DEVICES = 10
CLOCK_SAID_ABOVE = 2.0
LABEL = 8
"""Cells of `system  ` and the like."""
NOTHING: Mapping[str, int] = MappingProxyType({})


class LoginRow(Row):
    """A device on the first screen."""

    name: Annotated[str, Column(1, identity=True)]
    platform: Annotated[str, Column(4)] = ""
    state: Annotated[str, Column(2)] = ""
    seen: Annotated[str, Column(3)] = ""
    tags: Annotated[str, Column(5)] = ""


def login_lines(
    responder: Responder,
    rules: Rules,
    devices: list[Device],
    sessions: list[Session],
    interrupted: list[str],
    now: float,
    style: Style,
    zone: str = "UTC",
    queued: Mapping[str, int] = NOTHING,
    to_answer: Sequence[str] = (),
) -> str:
    """Who you are, what waits for you, and the devices that matter now."""
    key = responder.key.removeprefix("SHA256:")[:8]
    lines = [
        f"Fireline {version('fireline')} on {socket.gethostname()}. You are {responder.person}, "
        f"key SHA256:{key}. Recorded. {zone}."
    ]
    lines += [waiting(s, now) for s in sessions if s.person == responder.person and s.detached]
    lines += [visible(text) for text in interrupted]
    lines += to_answer
    person = responder.person
    seen = [d for d in devices if not d.revoked and may_see(rules, person, d.ref)]
    return _lines(lines, style) + _devices(seen, sessions, style, queued)


def _lines(lines: list[str], style: Style) -> str:
    return "".join(f"{wrapped(line, style.width)}\n" for line in lines)


def _hung(line: str, style: Style) -> str:
    """What follows a line's label stays to the right of it."""
    label, said = line[:LABEL], wrapped(line[LABEL:], style.width - LABEL)
    return label + said.replace("\n", "\n" + " " * LABEL) + "\n"


def waiting(session: Session, now: float) -> str:
    """The line of a session that was left open."""
    jobs = len(session.running)
    running = f", {jobs} job{'s' if jobs > 1 else ''} running" if jobs else ""
    device = session.device.name if session.device else "-"
    return (
        f"{session.id} {device} waits for you{running}, left {ago(now - session.left_at)} ago: "
        f"attach {session.id}"
    )


def _devices(
    devices: list[Device], sessions: list[Session], style: Style, queued: Mapping[str, int]
) -> str:
    if not devices:
        return "no device that you may see; fireline token new on the broker lets one enrol\n"
    used = {s.device.id: s for s in sessions if s.device is not None}
    ranked = sorted(
        devices,
        key=lambda d: (
            d.id not in used and not flags(d) and d.id not in queued,
            not d.online,
            -(d.last_seen_ms or 0),
            d.name,
        ),
    )
    table = form("table", LoginRow, style)
    shown = ranked[:MOST_DEVICES]
    rows = [_row(d, used.get(d.id), queued.get(d.id, 0)) for d in shown]
    text = "".join(table.add(row) for row in rows) + table.end()
    if len(shown) < len(devices):
        those = "in use, isolated, queued, online"
        count = f"{len(shown)} of {len(devices):,} devices ({those}); devices lists all"
    else:
        count = f"{len(devices)} device{'s' if len(devices) > 1 else ''}; connect NAME opens one"
    return text + dim(count, style) + "\n"


def _row(device: Device, session: Session | None, queued: int) -> LoginRow:
    state = ", ".join(["online" if device.online else "offline", *flags(device)])
    if session is not None:
        state += f", {session.id} {session.person}"
    if queued:
        state += f", {queued} action{'s' if queued > 1 else ''} queued"
    seen = "now" if device.online else "never"
    if not device.online and device.last_seen_ms is not None:
        seen = ago(_now() - device.last_seen_ms / 1000)
    system = device.facts.system if device.facts is not None else device.platform
    return LoginRow(
        name=device.name,
        platform=visible(system)[:30],
        state=state,
        seen=seen,
        tags=" ".join(device.tags),
    )


def session_lines(session: Session, others: list[Session], style: Style) -> str:
    """What a session opens with: what the device says it is, and what stands in the way there."""
    device = session.device
    if device is None:
        return ""
    lines = [
        f"{device.name} open as {session.id} in {session.opened_in_s:.1f} s",
        f"system  {_system(device)}",
    ]
    if device.facts is not None and device.facts.user_looked_up:
        lines.append(f"user    {signed_in(device.facts, style.zone)}")
    lines.append(f"state   {_state(device, others)}")
    if abs(device.clock_offset_s) > CLOCK_SAID_ABOVE:
        way = "behind" if device.clock_offset_s < 0 else "ahead"
        offset = duration(abs(device.clock_offset_s))
        lines.append(f"clock   {offset} {way}; its times are shown as it gives them")
    if doubt := doubts(device):
        lines.append(f"doubt   it {doubt}")
    lines.append(f"you     {_you(session, device)}")
    return _lines(lines[:1], style) + "".join(_hung(line, style) for line in lines[1:])


def signed_in(facts: wire.Facts, zone: datetime.tzinfo | None = None) -> str:
    """`alice signed in`, or who was last where nobody is."""
    if facts.user:
        return f"{visible(facts.user)} signed in"
    if not facts.last_user:
        return "none signed in"
    return (
        f"none signed in; last {visible(facts.last_user)} {moment(facts.last_user_ms, zone=zone)}"
    )


def _system(device: Device) -> str:
    facts = device.facts
    parts = [visible(facts.system or facts.platform)] if facts is not None else ["unknown"]
    if facts is not None and facts.architecture:
        parts[0] += f" {visible(facts.architecture)}"
    if facts is not None and facts.boot_ms:
        parts.append(f"up {ago(_now() - facts.boot_ms / 1000)}")
    if device.shim:
        parts.append(f"shim {visible(device.shim)}")
    return ", ".join(parts)


def _state(device: Device, others: list[Session]) -> str:
    parts = told(device)
    if others:
        parts.append(", ".join(f"{s.id} of {s.person} is open too" for s in others[:5]))
    else:
        parts.append("no other session")
    parts = [", ".join(parts)]
    if device.tags:
        parts.append(f"tags {' '.join(device.tags)}")
    if device.facts is not None and device.facts.weaker_stop:
        parts.append(f"weaker stop: {visible(device.facts.weaker_stop)}")
    return "; ".join(parts)


def _you(session: Session, device: Device) -> str:
    you = f"{session.role} (rule {session.rule})"
    if device.policy.error:
        return f"{you}; {device.name} runs nothing: {visible(device.policy.error)}"
    denied = [visible(word) for word in device.policy.deny]
    limits = [visible(str(path)) for path in device.policy.off_limits]
    if denied or limits:
        you += f"; {device.name} forbids {', '.join([*denied, *limits][:10])}"
    return you


def _now() -> float:
    """The wall clock, for what is shown; nothing is ordered or timed by it."""
    return clock.parse(clock.now()).timestamp()


def ago(seconds: float) -> str:
    """`40 s`, `4 m`, `3 h`, `41 d`: only for what is going on (console.md, rule 5)."""
    seconds = max(seconds, 0)
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
