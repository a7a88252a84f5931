"""The records table: lines of journals, read in pages."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

from server.store.sqlite import RecordRow, Store

T = TypeVar("T")

PAGE: Final = 500
NEXT: Final = (
    "SELECT journal, seq, kind, line, hash FROM records"
    " WHERE journal = ? AND seq > ? ORDER BY seq LIMIT ?"
)
LAST: Final = (
    "SELECT journal, seq, kind, line, hash FROM records WHERE journal = ? ORDER BY seq DESC LIMIT 1"
)
BEGUN: Final = (
    "SELECT journal, seq, kind, line, hash FROM records"
    " WHERE kind = 'session_begun' ORDER BY seq DESC LIMIT ?"
)
SEALED: Final = (
    "SELECT journal, seq, kind, line, hash FROM records WHERE kind = 'session_sealed' ORDER BY seq"
)
WALK: Final = (
    "SELECT journal, seq, kind, line, hash FROM records WHERE journal = ? AND seq <= ? ORDER BY seq"
)
LIBRARY: Final = (
    "SELECT journal, seq, kind, line, hash FROM records WHERE kind = 'library_changed' ORDER BY seq"
)
OF_DEVICE: Final = (
    "SELECT journal, seq, kind, line, hash FROM records WHERE journal = 'broker' AND kind IN"
    " ('line_up', 'line_lost', 'line_refused', 'violation', 'enrolled', 'renewed', 'revoked',"
    " 'action_changed', 'device_saw', 'detected', 'session_begun', 'tags_changed')"
    " AND (instr(line, ?) OR instr(line, ?)) ORDER BY seq DESC LIMIT ?"
)
OF_SESSION: Final = (
    "SELECT journal, seq, kind, line, hash FROM records WHERE journal = ? AND kind IN"
    " ('session_opened', 'command_typed', 'decided', 'ended', 'session_ended') ORDER BY seq"
    " LIMIT ?"
)
REFUSED_ABOUT: Final = (
    "SELECT DISTINCT journal FROM records WHERE kind = 'decided'"
    " AND instr(line, '\"allowed\":false') AND instr(line, ?)"
    ' ORDER BY substr(line, instr(line, \'"time":"\')) DESC LIMIT ?'
)
PACKAGES: Final = "SELECT journal, seq, kind, line, hash FROM records WHERE kind = 'package_kept'"
PACKAGES_OF: Final = f"{PACKAGES} AND journal = ?"
JOURNALS: Final = "SELECT DISTINCT journal FROM records"
COUNTS: Final = (
    "SELECT count(*), coalesce(max(seq), 0), "
    " coalesce(sum(kind IN ('command_typed', 'change_begun')), 0),"
    " coalesce(sum(kind = 'recovered'), 0) FROM records WHERE journal = ?"
)
FIRST_LINE: Final = "SELECT line FROM records WHERE journal = ? ORDER BY seq LIMIT 1"
LAST_LINE: Final = "SELECT line FROM records WHERE journal = ? ORDER BY seq DESC LIMIT 1"
VERDICT: Final = "SELECT ok FROM verdicts WHERE session = ?"
KEEP_VERDICT: Final = (
    "INSERT INTO verdicts (session, ok) VALUES (?, ?)"
    " ON CONFLICT (session) DO UPDATE SET ok = excluded.ok"
)


class Outline(NamedTuple):
    """A journal at a glance: enough for a list, nothing decoded but its two ends."""

    records: int
    highest: int
    commands: int
    """Lines, and what SFTP and scp changed."""
    recovered: bool
    first: bytes
    last: bytes
    verdict: bool | None


async def page(store: Store, journal: str, after: int, limit: int = PAGE) -> list[RecordRow]:
    """The next rows of a journal above `after`, in order."""
    return await _rows(store, NEXT, journal, after, limit)


async def last(store: Store, journal: str) -> RecordRow | None:
    """The newest row of a journal."""
    rows = await _rows(store, LAST, journal)
    return rows[0] if rows else None


async def ends(store: Store, journals: Iterable[str]) -> dict[str, RecordRow]:
    """The newest row of each of these journals that has one, in one visit to the store."""

    def select(connection: sqlite3.Connection) -> dict[str, RecordRow]:
        rows = (connection.execute(LAST, (journal,)).fetchone() for journal in journals)
        return {row[0]: RecordRow(*row) for row in rows if row is not None}

    return await store.read(select)


async def one(store: Store, journal: str, seq: int) -> RecordRow | None:
    """One row, if it is there."""
    rows = await page(store, journal, seq - 1, 1)
    return rows[0] if rows and rows[0].seq == seq else None


async def walk(
    store: Store, journal: str, upto: int, visit: Callable[[Iterator[RecordRow]], T]
) -> T:
    """Hand every row up to `upto` to `visit`, in a thread, without holding them all."""

    def select(connection: sqlite3.Connection) -> T:
        return visit(RecordRow(*row) for row in connection.execute(WALK, (journal, upto)))

    return await store.read(select)


async def journals(store: Store) -> list[str]:
    """Every journal that has a row."""
    return await store.read(lambda connection: [row[0] for row in connection.execute(JOURNALS)])


async def begun(store: Store, limit: int = -1) -> list[RecordRow]:
    """The broker's records of sessions that began, newest first."""
    return await _rows(store, BEGUN, limit)


async def sealed(store: Store) -> list[RecordRow]:
    """The broker's records of sessions that ended, oldest first."""
    return await _rows(store, SEALED)


async def library_changes(store: Store) -> list[RecordRow]:
    """The broker's records of what happened to the library, oldest first."""
    return await _rows(store, LIBRARY)


async def of_device(store: Store, device: str, name: str, most: int) -> list[RecordRow]:
    """The broker's newest records that may speak of a device, by its id or name; newest first."""
    by_id, by_name = (f'"device":"{said}"'.encode() for said in (device, name))
    return await _rows(store, OF_DEVICE, by_id, by_name, most)


async def of_session(store: Store, session: str, most: int) -> list[RecordRow]:
    """A session's records of its commands, in order."""
    return await _rows(store, OF_SESSION, session, most)


async def refused_about(store: Store, device: str, most: int) -> list[str]:
    """The journals in which something about this device was refused, the newest first."""
    said = f'"device":"{device}"'.encode()
    return await store.read(
        lambda connection: [row[0] for row in connection.execute(REFUSED_ABOUT, (said, most))]
    )


async def packages(store: Store, session: str | None = None) -> list[RecordRow]:
    """The records of packages, of one session or of all."""
    if session is None:
        return await _rows(store, PACKAGES)
    return await _rows(store, PACKAGES_OF, session)


async def outline(store: Store, journal: str) -> Outline:
    """What a listing says of one journal."""

    def select(connection: sqlite3.Connection) -> Outline:
        def line(query: str) -> bytes:
            row = connection.execute(query, (journal,)).fetchone()
            return bytes(row[0]) if row else b""

        number, highest, commands, recovered = connection.execute(COUNTS, (journal,)).fetchone()
        verdict = connection.execute(VERDICT, (journal,)).fetchone()
        return Outline(
            records=number,
            highest=highest,
            commands=commands,
            recovered=bool(recovered),
            first=line(FIRST_LINE),
            last=line(LAST_LINE),
            verdict=bool(verdict[0]) if verdict else None,
        )

    return await store.read(select)


async def keep_verdict(store: Store, session: str, ok: bool) -> None:
    """Remember what the last `verify` found, for listings."""
    await store.write(lambda connection: connection.execute(KEEP_VERDICT, (session, int(ok))))


async def _rows(store: Store, query: str, *values: str | int | bytes) -> list[RecordRow]:
    return await store.read(
        lambda connection: [RecordRow(*row) for row in connection.execute(query, values)]
    )
