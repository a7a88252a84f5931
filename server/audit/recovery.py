"""At start: end what a killed broker left open, and say what is not known.

1. A start without an end becomes *interrupted*, with 'outcome unknown' where the device changes.
2. A torn tail is cut; what was cut, and what lay beyond the last commit, is said in the file.
3. A file that is damaged before its last commit is left as it is: that is for `verify` to name.
4. Evidence that had not arrived whole, or that no record names yet, becomes NAME.partial, never
   *taken*.
"""

import asyncio
import re
from typing import Any, Final, NamedTuple

import msgspec

from commands.language.command import ConsoleCommand, find
from server.audit.chain import envelope
from server.audit.decoding import decode_body
from server.audit.folders import Folders
from server.audit.package_records import PackageKept
from server.audit.records import (
    Body,
    ChangeBegun,
    ChangeEnded,
    CommandTyped,
    Decided,
    Ended,
    EvidencePartial,
    EvidenceTaken,
    Recovered,
    SessionEnded,
    SessionOpened,
    Started,
)
from server.audit.sealing import Partial, SealedFile, seal_partials, seal_recording, seal_result
from server.audit.session import seal_session
from server.audit.sessions import Begun, begun
from server.audit.writer import JournalWriter
from server.store import records
from server.store.sqlite import Store

COLLECT: Final = "collect"
_SESSION: Final = re.compile("S[1-9][0-9]*")


class InterruptedCommand(NamedTuple):
    """A command whose end nobody saw."""

    number: int
    word: str
    line: str
    message: str
    rows: int
    result_bytes: int


class Interrupted(NamedTuple):
    """A session that the broker's end cut off."""

    session: str
    device: str
    person: str
    at: str
    door: str
    commands: list[InterruptedCommand]
    partials: list[str]
    recording: str


class _Command:
    """What the records say of one number so far."""

    def __init__(self) -> None:
        self.word = ""
        self.line = ""
        self.value: dict[str, Any] = {}
        self.refused = False
        self.of_door = False  # acts on the screen: it is judged, and has no end of its own
        self.started: Started | None = None
        self.ended = False


class _Left(NamedTuple):
    """An open session as its records tell it."""

    at: str
    door: str
    commands: dict[int, _Command]
    evidence: set[str]
    """Names that a record gives."""
    changes: dict[int, ChangeBegun]
    """By SFTP and scp, begun and without an end."""


async def recover(
    store: Store, broker: JournalWriter, folders: Folders, instance: str
) -> list[Interrupted]:
    """Seal every open session; oldest first."""
    sealed = {_session_of(row.line) for row in await records.sealed(store)}
    found = []
    for row in reversed(await records.begun(store)):
        start = begun(row)
        if start.session in sealed or not _SESSION.fullmatch(start.session):
            continue
        found.append(await _end(store, broker, folders, start, instance))
    return found


async def _end(
    store: Store, broker: JournalWriter, folders: Folders, start: Begun, instance: str
) -> Interrupted:
    last = await records.last(store, start.session)
    left = await _read(store, start.session)
    recording = await asyncio.to_thread(seal_recording, folders.recording(start.session))
    open_numbers = [number for number, command in left.commands.items() if _is_open(command)]
    results: dict[int, SealedFile] = {}
    for number in open_numbers:
        path = folders.result(start.session, number)
        results[number] = await asyncio.to_thread(seal_result, path)
    names = {number: _evidence_name(command) for number, command in left.commands.items()}
    packages = {number for number, one in left.commands.items() if one.word == COLLECT}
    partials = await asyncio.to_thread(
        seal_partials, folders, start.session, names, left.evidence, packages
    )

    writer = JournalWriter(store, start.session, last)
    bodies: list[Body] = []
    bodies += [EvidencePartial(p.number, p.name, p.bytes, p.sha256) for p in partials]
    bodies += [
        PackageKept(p.number, p.name, p.bytes, p.sha256, whole=False)
        for p in partials
        if p.number in packages
    ]
    ends = [_ended(n, left.commands[n], results[n], partials) for n in open_numbers]
    bodies += ends
    bodies += [_change_ended(number) for number in left.changes]
    bodies.append(Recovered(open_numbers, f"{recording.told}; broker instance {instance}"))
    await store.room()
    waits = [writer.submit(body)[1] for body in bodies]
    await seal_session(
        writer,
        broker,
        SessionEnded(
            reason="broker stopped",
            recording_bytes=recording.bytes,
            recording_head=recording.head,
        ),
    )
    for wait in waits:
        await wait
    return Interrupted(
        session=start.session,
        device=start.device,
        person=start.person,
        at=left.at or start.time,
        door=left.door,
        commands=[
            InterruptedCommand(
                end.number,
                left.commands[end.number].word,
                left.commands[end.number].line,
                end.message,
                end.rows,
                end.result_bytes,
            )
            for end in ends
        ],
        partials=[partial.name for partial in partials],
        recording=recording.told,
    )


async def _read(store: Store, session: str) -> _Left:
    """Every command of the session; lines that do not decode are left to `verify`."""
    commands: dict[int, _Command] = {}
    evidence: set[str] = set()
    changes: dict[int, ChangeBegun] = {}
    at = door = ""
    after = 0
    while rows := await records.page(store, session, after):
        after = rows[-1].seq
        for row in rows:
            outer = envelope(row.line)
            if outer is None:
                continue
            at = outer.time
            try:
                body = decode_body(outer.kind, row.line)
            except msgspec.MsgspecError:
                continue
            if isinstance(body, SessionOpened):
                door = body.door
            elif isinstance(body, EvidenceTaken | EvidencePartial):
                evidence.add(body.name)
            elif isinstance(body, ChangeBegun):
                changes[body.change] = body
            elif isinstance(body, ChangeEnded):
                changes.pop(body.change, None)
            number = getattr(body, "number", None)
            if number is not None:
                _note(commands.setdefault(number, _Command()), body)
    return _Left(at, door, commands, evidence, changes)


def _note(command: _Command, body: Any) -> None:
    match body:
        case CommandTyped():
            command.word, command.line, command.value = body.word, body.line, body.value
            kind = find(body.word)
            command.of_door = kind is not None and issubclass(kind, ConsoleCommand)
        case Decided():
            command.refused = not body.allowed
        case Started():
            command.started = body
        case Ended():
            command.ended = True


def _is_open(command: _Command) -> bool:
    return not command.ended and not command.refused and not command.of_door


def _ended(number: int, command: _Command, result: SealedFile, partials: list[Partial]) -> Ended:
    if command.started is None:
        state, message = "cancelled", "it had not started when the broker stopped"
    else:
        state, message = "interrupted", "the broker stopped while it ran"
        if command.started.device_change:
            message += "; outcome unknown"
    kept = [f"{p.name}, {p.bytes:,} bytes" for p in partials if p.number == number]
    if kept:
        message += "; kept " + " and ".join(kept)
    return Ended(
        number=number,
        state=state,
        status=1,
        message=message,
        rows=result.rows,
        result_sha256=result.sha256,
        result_bytes=result.bytes,
        exit_code=None,
        took_ms=result.ms,
    )


def _change_ended(number: int) -> ChangeEnded:
    message = "the broker stopped while it was under way; outcome unknown"
    return ChangeEnded(number, "interrupted", message, 0, "", [])


def _evidence_name(command: _Command) -> str:
    """The last part of the path it was given, when that is a plain name."""
    path = command.value.get("path")
    name = re.split(r"[\\/]", path)[-1] if isinstance(path, str) else ""
    return name if re.fullmatch(r"[\w][\w .+@~-]{0,200}", name) else ""


def _session_of(line: bytes) -> str:
    try:
        return str(msgspec.json.decode(line).get("session", ""))
    except (msgspec.MsgspecError, AttributeError):
        return ""
