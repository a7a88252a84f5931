"""Sealing and checking journal lines; bytes in, bytes out, no I/O.

1. A line is compact ASCII JSON: journal, seq, time, kind, the body's fields, prev.
2. hash = sha256(line). `prev` is the hash of the line before, 64 zeros at seq 1.
3. Order is by seq. `time` is what the wall clock said, for people only.
4. A line is judged by the hash stored beside it and by the `prev` of the line after it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from server.audit.records import Body

ZEROS: Final = "0" * 64
_NOT_ASCII: Final = re.compile("[\x7f-\U0010ffff]")
_encode = msgspec.json.Encoder().encode


class Sealed(NamedTuple):
    """A line and its hash."""

    line: bytes
    hash: bytes


class Stored(Protocol):
    """A row of the store."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def line(self) -> bytes: ...
    @property
    def hash(self) -> bytes: ...


class Envelope(msgspec.Struct, frozen=True):
    """The part of a line that every record has."""

    journal: str
    seq: int
    time: str
    kind: str
    prev: str


class Damage(NamedTuple):
    """What is wrong with records `first` to `last`."""

    first: int
    last: int
    what: str


_decode_envelope = msgspec.json.Decoder(Envelope).decode


def seal(journal: str, seq: int, time: str, body: Body, prev: str) -> Sealed:
    """Make the line that follows the one whose hash is `prev`."""
    inner = _body(body)
    opening = f'{{"journal":"{journal}","seq":{seq},"time":"{time}",'
    line = b'%b%b,"prev":"%b"}' % (opening.encode(), inner[1:-1], prev.encode())
    return Sealed(line, hashlib.sha256(line).digest())


def envelope(line: bytes) -> Envelope | None:
    """The envelope of a line, or None when it is not one."""
    try:
        return _decode_envelope(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def check(journal: str, rows: Iterable[Stored]) -> Iterator[Damage]:
    """Every damage in a journal's rows, which come in order of seq, from 1."""
    expected = 1
    here: _Read | None = None
    after: _Read | None = None
    for later in chain((_read(row) for row in rows), (None, None)):
        if here is not None:
            if here.seq > expected:
                yield Damage(expected, here.seq - 1, "missing")
            expected = here.seq + 1
            yield from _judge(journal, here, after, later)
        here, after = after, later


class _Read(NamedTuple):
    """A row as this module judges it."""

    seq: int
    kind: str
    actual: str
    intact: bool
    envelope: Envelope | None


def _read(row: Stored) -> _Read:
    actual = hashlib.sha256(row.line).digest()
    return _Read(row.seq, row.kind, actual.hex(), actual == row.hash, envelope(row.line))


def _attested(row: _Read, after: _Read | None) -> str | None:
    """What the next line says this one's hash is, if it is the next line."""
    if after is None or after.envelope is None or after.seq != row.seq + 1:
        return None
    return after.envelope.prev


def _judge(journal: str, row: _Read, after: _Read | None, later: _Read | None) -> Iterator[Damage]:
    """One line, by the hash beside it and by what the next line says it was."""
    attested = _attested(row, after)
    # A next line that was itself changed is no witness; it is named by its own judgement.
    if after is not None and not (after.intact and _attested(after, later) in (None, after.actual)):
        attested = attested if attested == row.actual else None
    here = row.envelope
    what = ""
    if not row.intact and attested == row.actual:
        what = "its stored hash was changed"
    elif not row.intact:
        what = "changed after sealing" + (f": {here.kind}, {here.time}" if here else "")
    elif attested is not None and attested != row.actual:
        what = "changed and sealed again"
    elif here is None:
        what = "no record"
    elif (here.journal, here.seq) != (journal, row.seq):
        what = f"out of place: it is {here.journal} {here.seq}"
    elif here.kind != row.kind:
        what = "its kind was changed in the store"
    elif row.seq == 1 and here.prev != ZEROS:
        what = "follows a record that is not there"
    if what:
        yield Damage(row.seq, row.seq, what)


def _body(body: Body) -> bytes:
    try:
        raw = _encode(body)
    except UnicodeEncodeError:
        raw = _encode(_visible(msgspec.to_builtins(body)))
    if raw.isascii() and b"\x7f" not in raw:
        return raw
    return _NOT_ASCII.sub(_escape, raw.decode()).encode()


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _visible(value: Any) -> Any:
    """The same value with lone surrogates as text: a record is never lost to a hostile name."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_visible(key): _visible(item) for key, item in value.items()}
        case list():
            return [_visible(item) for item in value]
    return value
