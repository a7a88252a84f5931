"""Which devices each person has changed, and when first within the day."""

import sqlite3
from typing import NamedTuple

from server.store.sqlite import Store


class ChangedDevice(NamedTuple):
    """The first change of a day."""

    person: str
    device: str
    at_ms: int


async def since(store: Store, at_ms: int) -> list[ChangedDevice]:
    """Those of that moment and later; older ones are forgotten."""

    def forget(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM changed_devices WHERE at_ms < ?", (at_ms,))

    def select(connection: sqlite3.Connection) -> list[ChangedDevice]:
        rows = connection.execute("SELECT person, device, at_ms FROM changed_devices")
        return [ChangedDevice(*row) for row in rows]

    await store.write(forget)
    return await store.read(select)


async def add(store: Store, person: str, device: str, at_ms: int) -> None:
    """One more, on the disk on return."""

    def upsert(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO changed_devices (person, device, at_ms) VALUES (?, ?, ?)"
            " ON CONFLICT (person, device) DO UPDATE SET at_ms = excluded.at_ms",
            (person, device, at_ms),
        )

    await store.write(upsert)
