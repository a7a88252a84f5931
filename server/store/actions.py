"""Actions by id, and what each device is to be; both as JSON, written in the caller's transaction.

A change of a row and its record in the journal are one commit: `save` is a write that the caller
submits in the same breath as the record.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from server.store.sqlite import Store


class StoredAction(NamedTuple):
    """One row as it is stored; `value` is JSON."""

    id: int
    device: str
    open: bool
    value: bytes


class StoredWish(NamedTuple):
    """What a device is to be in one respect; `value` is JSON."""

    device: str
    what: str
    value: bytes


def save(
    actions: Iterable[StoredAction], wishes: Iterable[StoredWish]
) -> Callable[[sqlite3.Connection], None]:
    """The write that makes the rows these."""
    rows, wanted = [tuple(a) for a in actions], [tuple(w) for w in wishes]

    def write(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO actions (id, device, open, value) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET open = excluded.open, value = excluded.value",
            rows,
        )
        connection.executemany(
            "INSERT INTO wishes (device, what, value) VALUES (?, ?, ?)"
            " ON CONFLICT (device, what) DO UPDATE SET value = excluded.value",
            wanted,
        )

    return write


async def opened(store: Store) -> list[bytes]:
    """Every action that has not ended, oldest first."""

    def select(connection: sqlite3.Connection) -> list[bytes]:
        rows = connection.execute("SELECT value FROM actions WHERE open = 1 ORDER BY id")
        return [bytes(row[0]) for row in rows]

    return await store.read(select)


async def one(store: Store, number: int) -> bytes | None:
    """The action of that id."""

    def select(connection: sqlite3.Connection) -> bytes | None:
        row = connection.execute("SELECT value FROM actions WHERE id = ?", (number,)).fetchone()
        return None if row is None else bytes(row[0])

    return await store.read(select)


async def before(
    store: Store, number: int, most: int, devices: Sequence[str] | None = None
) -> list[bytes]:
    """At most so many actions with a lower id, newest first; of these devices or of all."""

    def select(connection: sqlite3.Connection) -> list[bytes]:
        if devices is None:
            rows = connection.execute(
                "SELECT value FROM actions WHERE id < ? ORDER BY id DESC LIMIT ?", (number, most)
            )
        else:
            rows = connection.execute(
                "SELECT value FROM actions WHERE device IN (SELECT value FROM json_each(?)) "
                "AND id < ? ORDER BY id DESC LIMIT ?",
                (json.dumps(devices), number, most),
            )
        return [bytes(row[0]) for row in rows]

    return await store.read(select)


async def last_id(store: Store) -> int:
    """The highest id that was given."""

    def select(connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT coalesce(max(id), 0) FROM actions").fetchone()[0])

    return await store.read(select)


async def wishes(store: Store) -> list[StoredWish]:
    """What every device is to be."""

    def select(connection: sqlite3.Connection) -> list[StoredWish]:
        rows = connection.execute("SELECT device, what, value FROM wishes")
        return [StoredWish(row[0], row[1], bytes(row[2])) for row in rows]

    return await store.read(select)
