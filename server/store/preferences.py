"""What each person set for the console, as JSON."""

import sqlite3

from server.store.sqlite import Store


async def every(store: Store) -> dict[str, str]:
    """All of them, by person."""

    def select(connection: sqlite3.Connection) -> dict[str, str]:
        return dict(connection.execute("SELECT person, value FROM preferences"))

    return await store.read(select)


async def keep(store: Store, person: str, value: str) -> None:
    """A person's, whole."""

    def upsert(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO preferences (person, value) VALUES (?, ?)"
            " ON CONFLICT (person) DO UPDATE SET value = excluded.value",
            (person, value),
        )

    await store.write(upsert)
