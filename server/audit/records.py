"""What a journal can say: one class per kind of record; its name in the journal is `kind`.

A record's envelope (journal, seq, time, kind, prev) belongs to `chain`; no body may use those
names. Fields are only ever added, with a default, so that old lines still decode.
"""

import re
from typing import Any

import msgspec


def _kind(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Body(msgspec.Struct, frozen=True, tag_field="kind", tag=_kind):
    """One thing that happened."""


# The broker's own journal.


class BrokerStarted(Body, frozen=True):
    """A broker took this state folder."""

    version: str
    instance: str


class BrokerStopped(Body, frozen=True):
    """It ended in order; without this record it was killed."""

    reason: str


class Login(Body, frozen=True):
    """Authentication completed."""

    person: str
    key: str
    source: str
    client: str
    method: str
    device: str = ""
    """The device that the login name has after its `~`; who may see it is asked later."""


class LoginRefused(Body, frozen=True):
    """Somebody did not get in."""

    person: str
    key: str
    source: str
    reason: str


class LoggedOut(Body, frozen=True):
    """A connection ended."""

    person: str


class RulesLoaded(Body, frozen=True):
    """The access file in force from here on."""

    sha256: str
    changed: list[str]


class RulesRefused(Body, frozen=True):
    """An access file that was not taken; the old rules stay."""

    message: str


class TokenMade(Body, frozen=True):
    """An enrolment token was made."""

    by: str
    pattern: str
    tags: list[str]
    expires: str


class Enrolled(Body, frozen=True):
    """A device got its identity."""

    device: str
    name: str
    serial: str
    by_token: str


class EnrolRefused(Body, frozen=True):
    """A device did not get one."""

    reason: str
    source: str


class Renewed(Body, frozen=True):
    """A device got a further certificate for its key."""

    device: str
    name: str
    serial: str
    not_after: str
    door: str


class Revoked(Body, frozen=True):
    """A device, certificate, token or key counts no more."""

    what: str
    name: str
    by: str


class LibraryChanged(Body, frozen=True):
    """A script was added, described anew or deleted."""

    by: str
    name: str
    version: int
    sha256: str
    what: str


class LineUp(Body, frozen=True):
    """A device's control line opened."""

    device: str
    name: str
    address: str
    version: str


class LineLost(Body, frozen=True):
    """It ended."""

    device: str
    name: str
    reason: str


class LineRefused(Body, frozen=True):
    """A control line that was not let in."""

    device: str
    name: str
    address: str
    reason: str


class Violation(Body, frozen=True):
    """A device said what it must not say."""

    device: str
    name: str
    what: str


class SessionBegun(Body, frozen=True):
    """A session's journal starts here; its first record chains to this one."""

    session: str
    device: str
    person: str


class SessionSealed(Body, frozen=True):
    """A session's journal is complete: so many records, and the hash of the last."""

    session: str
    records: int
    head: str


# A session's journal.


class FileTaken(msgspec.Struct, frozen=True):
    """One file that a command brought into the evidence."""

    name: str
    path: str
    bytes: int
    sha256: str
    holes: int = 0
    """Bytes of it that are zeros and take no place, on the device and here."""


class SessionOpened(Body, frozen=True):
    """Always record 1. The journal fills in the last two, which chain it to the broker's."""

    person: str
    key: str
    source: str
    device_id: str
    device: str
    door: str
    client: str
    comment: str
    role: str
    rule: str
    broker_seq: int = 0
    broker_hash: str = ""
    of: str = ""
    """The `on` over several devices that it is a part of, as S1042#3."""


class CommandTyped(Body, frozen=True):
    """A line as typed and as understood."""

    number: int
    line: str
    value: dict[str, Any]
    word: str
    door: str


class Decided(Body, frozen=True):
    """What the access check said, and which rule."""

    number: int
    allowed: bool
    rule: str
    reason: str
    device: str = ""
    """Of what was refused in a session that is none of its device's: that one's id."""


class Started(Body, frozen=True):
    """Durable before the device hears of it."""

    number: int
    stream: str
    device_change: bool


class Ended(Body, frozen=True):
    """How it ended, and the digest of what it gave."""

    number: int
    state: str
    status: int
    message: str
    rows: int
    result_sha256: str
    result_bytes: int
    exit_code: int | None
    took_ms: int
    files: list[FileTaken] = []


class CancelAsked(Body, frozen=True):
    """Somebody wants it stopped."""

    number: int
    by: str


class CancelAnswered(Body, frozen=True):
    """What the device said to that."""

    number: int
    answer: str


class EvidenceTaken(Body, frozen=True):
    """A whole file, the same on both sides."""

    number: int
    name: str
    path: str
    bytes: int
    sha256: str
    holes: int = 0


class EvidencePartial(Body, frozen=True):
    """A file that was cut off; never listed as taken."""

    number: int
    name: str
    bytes: int
    sha256: str


class FileWritten(Body, frozen=True):
    """A file placed on the device."""

    number: int
    path: str
    bytes: int
    sha256: str


class ChangeBegun(Body, frozen=True):
    """What SFTP or scp is about to change on the device; durable before the device hears of it."""

    change: int
    what: str
    path: str
    to: str
    rule: str


class ChangeEnded(Body, frozen=True):
    """What became of it. Where a session has none for a change, its outcome is unknown."""

    change: int
    state: str
    message: str
    bytes: int
    sha256: str
    ranges: list[tuple[int, int]]


class Note(Body, frozen=True):
    """A sentence worth keeping."""

    text: str


class Attached(Body, frozen=True):
    """The person came back to the session."""

    by: str
    source: str


class Detached(Body, frozen=True):
    """The person left it open."""

    reason: str


class WatchBegan(Body, frozen=True):
    """Another person looks at the session from here on."""

    by: str
    source: str


class WatchEnded(Body, frozen=True):
    """And looks no more."""

    by: str
    took_ms: int


class TakeOverAsked(Body, frozen=True):
    """Another person asked for the session."""

    by: str
    source: str


class TakeOverAnswered(Body, frozen=True):
    """Its person said yes, and it is the other's; or no."""

    by: str
    person: str
    let_in: bool


class Replayed(Body, frozen=True):
    """An auditor looked at a recording."""

    by: str
    of: str


class Recovered(Body, frozen=True):
    """The broker was killed; this is what the next one found."""

    open_numbers: list[int]
    recording: str


class SessionEnded(Body, frozen=True):
    """The last record. It pins the recording: its length and the head of its chain."""

    reason: str
    length_ms: int = 0
    recording_bytes: int = 0
    recording_head: str = ""
    files_read: int = 0
    """By SFTP and scp; its recording says which. A session that was interrupted did not count."""
