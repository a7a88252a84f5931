"""A person's own lines, for the history across sessions."""

import sqlite3

from server.store.sqlite import Store

KEPT = 5_000


async def add(store: Store, person: str, line: str) -> None:
    """Keeps a line, the last KEPT of each person."""

    def insert(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO history (person, line) VALUES (?, ?)", (person, line))
        connection.execute(
            "DELETE FROM history WHERE person = ? AND id <= ("
            " SELECT id FROM history WHERE person = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (person, person, KEPT),
        )

    await store.write(insert)


async def lines(store: Store, person: str, limit: int = 1_000) -> list[str]:
    """The newest lines, oldest first."""

    def select(connection: sqlite3.Connection) -> list[str]:
        rows = connection.execute(
            "SELECT line FROM history WHERE person = ? ORDER BY id DESC LIMIT ?", (person, limit)
        ).fetchall()
        return [row[0] for row in reversed(rows)]

    return await store.read(select)
