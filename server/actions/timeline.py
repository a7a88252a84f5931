"""What happened on and to a device, from the journals: one list, in the order of its times.

A machine that was enrolled anew has a new identity under its old name: the list has both.

The broker's own journal names lines, actions, detections and violations; each session's journal its
commands and what was refused, that of a session of no device too. Nothing is kept twice.
"""

from collections.abc import AsyncIterator, Sequence, Set
from typing import TYPE_CHECKING

import msgspec

from commands.language.desk.actions import TimelineRow
from commands.language.items import Time
from commands.language.visible import visible
from server.audit import action_records, clock, device_records, records
from server.audit.chain import envelope
from server.audit.decoding import decode_body
from server.live.inventory import Device
from server.store import records as stored
from server.store.sqlite import RecordRow

if TYPE_CHECKING:
    from server.live.rooms import Rooms

HOUR_MS = 3_600_000
MOST = 5_000
"""The broker's records that are looked through, newest first."""
MOST_COMMANDS = 3_000
"""Records of one session that are told."""
_Found = tuple[int, TimelineRow]


async def timeline(
    broker: "Rooms", devices: Sequence[Device], hours: float | None
) -> AsyncIterator[TimelineRow]:
    """Of all that had one name. Oldest first; only what is younger than `hours` where given."""
    since_ms = 0 if hours is None else clock.now_ms() - int(hours * HOUR_MS)
    rows: dict[int, RecordRow] = {}
    refused: set[str] = set()
    for device in devices:
        refused.update(await stored.refused_about(broker.store, device.id, MOST))
        of_it = await stored.of_device(broker.store, device.id, device.name, MOST)
        rows |= {row.seq: row for row in of_it}
    names, ids = ({getattr(one, what) for one in devices} for what in ("name", "id"))
    found: list[_Found] = []
    last: dict[str, str] = {}
    for _, row in sorted(rows.items()):
        body = _body(row)
        if isinstance(body, records.SessionBegun):
            if body.device in names:
                found += await _session(broker, ids, body, since_ms)
        elif body is not None and (told := _told(ids, body)) is not None:
            at_ms = _ms(row)
            kind, person, what, where = told
            if kind == "action" and last.get(where) == what:
                continue  # it was kept once more, with nothing that this list tells
            last[where] = what
            found.append((at_ms, _row(at_ms, kind, person, what, where)))
    for journal in refused:
        found += await _refused(broker, ids, journal)
    found.sort(key=lambda one: one[0])
    for at_ms, line in found:
        if at_ms >= since_ms:
            yield line


_Told = tuple[str, str, str, str]


def _told(ids: Set[str], body: records.Body) -> _Told | None:
    """Kind, person, what and where of a broker's record, if it is of one of these devices."""
    if getattr(body, "device", "") not in ids:
        return None
    match body:
        case records.LineUp():
            return "line", "", f"online from {body.address}, shim {body.version}", ""
        case records.LineLost() | records.LineRefused():
            word = "lost" if isinstance(body, records.LineLost) else "refused"
            return "line", "", f"line {word}: {body.reason}", ""
        case records.Violation():
            return "violation", "", body.what, ""
        case records.Enrolled():
            return "identity", "", f"enrolled as {body.name}", ""
        case records.Renewed():
            return "identity", "", f"certificate renewed until {body.not_after}", ""
        case device_records.TagsChanged():
            tags = [f"{tag} added" for tag in body.added] + [f"{t} removed" for t in body.removed]
            return "tag", body.by, ", ".join(tags), body.session
        case action_records.ActionChanged():
            by = f" by {body.by}" if body.by and body.by != body.person else ""
            said = f": {body.said}" if body.said else ""
            approval = f", approval {body.approval}" if body.approval else ""
            answers = body.state in ("Pending", "Cancelled")  # what comes after it repeats it
            answer = f" ({body.by_comment})" if body.by_comment and answers else ""
            what = f"{body.text} {body.state}{approval}{by}{answer}{said}"
            return "action", body.person, what, f"A{body.action}"
        case action_records.DeviceSaw():
            return body.what, "", body.text, ""
        case action_records.Detected():
            return "detection", "", f"{body.threat} in {body.path} {body.what}", f"A{body.action}"
    return None


async def _session(
    broker: "Rooms", ids: Set[str], begun: records.SessionBegun, since_ms: int
) -> list[_Found]:
    """Its opening, its commands with their ends, what was refused, its end."""
    found: list[_Found] = []
    lines: dict[int, str] = {}
    rows = await stored.of_session(broker.store, begun.session, MOST_COMMANDS)
    for row in rows:
        body, at_ms = _body(row), _ms(row)
        told: tuple[str, str, str] | None = None
        match body:
            case records.SessionOpened():
                if body.device_id not in ids:
                    return []
                comment = f": {body.comment}" if body.comment else ""
                part = f", part of {body.of}" if body.of else ""
                told = ("session", f"opened by {body.door} from {body.source}{part}{comment}", "")
            case records.CommandTyped():
                lines[body.number] = body.line
            case records.Decided() if not body.allowed:
                told = (
                    _kind(body.reason),
                    f"{lines.get(body.number, '')}: {body.reason}",
                    str(body.number),
                )
            case records.Ended():
                said = f": {body.message}" if body.message else ""
                line = lines.get(body.number, "")
                refused = body.state == "failed" and body.status == 3
                kind = "refusal" if refused else "command"
                told = (kind, f"{line} {body.state}{said}", str(body.number))
            case records.SessionEnded():
                told = ("session", f"ended: {body.reason}", "")
        if told is not None and at_ms >= since_ms:
            kind, what, number = told
            where = f"{begun.session}#{number}" if number else begun.session
            found.append((at_ms, _row(at_ms, kind, begun.person, what, where)))
    return found


async def _refused(broker: "Rooms", ids: Set[str], journal: str) -> list[_Found]:
    """What was refused about it in a session of no device, such as `on web-01 isolate`."""
    found: list[_Found] = []
    lines: dict[int, str] = {}
    person = ""
    for row in await stored.of_session(broker.store, journal, MOST_COMMANDS):
        body, at_ms = _body(row), _ms(row)
        match body:
            case records.SessionOpened():
                person = body.person
            case records.CommandTyped():
                lines[body.number] = body.line
            case records.Decided() if not body.allowed and body.device in ids:
                what = f"{lines.get(body.number, '')}: {body.reason}"
                where = f"{journal}#{body.number}"
                found.append((at_ms, _row(at_ms, _kind(body.reason), person, what, where)))
    return found


def _kind(reason: str) -> str:
    """Of what did not begin: only what somebody may not do is a refusal."""
    first = reason.partition(":")[0]
    return {"asked": "question", "not understood": "command", "failed": "command"}.get(
        first, "refusal"
    )


def _row(at_ms: int, kind: str, person: str, what: str, where: str) -> TimelineRow:
    return TimelineRow(
        at=Time(at_ms), kind=kind, person=person, what=visible(what)[:4000], where=where
    )


def _body(row: RecordRow) -> records.Body | None:
    """None for a line that somebody damaged: `verify` names it."""
    try:
        body = decode_body(row.kind, row.line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return body if isinstance(body, records.Body) else None


def _ms(row: RecordRow) -> int:
    """When the record was sealed, by the broker's clock; 0 where its line is damaged."""
    outer = envelope(row.line)
    if outer is None:
        return 0
    try:
        return clock.ms(outer.time)
    except ValueError:
        return 0
