"""Library files by name and version; their bytes lie beside the store, by digest."""

import sqlite3
from typing import NamedTuple

from server.store.sqlite import Store


class StoredVersion(NamedTuple):
    """One version of a library file; `manifest` is JSON."""

    name: str
    version: int
    sha256: str
    size: int
    manifest: str
    added_by: str
    added_at: str
    is_new: bool = False


async def versions(store: Store) -> list[StoredVersion]:
    """Every version that is not deleted, by name, newest last."""

    def select(connection: sqlite3.Connection) -> list[StoredVersion]:
        rows = connection.execute(
            "SELECT name, version, sha256, size, manifest, added_by, added_at"
            " FROM library_versions WHERE deleted_at IS NULL ORDER BY name, version"
        )
        return [StoredVersion(*row) for row in rows]

    return await store.read(select)


async def add(
    store: Store, name: str, sha256: str, size: int, manifest: str, added_by: str, at: str
) -> StoredVersion:
    """The next version of a name, its spelling kept.

    The same bytes again are the last version, which has this manifest from now on.
    """

    def insert(connection: sqlite3.Connection) -> StoredVersion:
        last = connection.execute(
            "SELECT name, version, sha256, size, manifest, added_by, added_at, deleted_at"
            " FROM library_versions WHERE name = ? ORDER BY version DESC LIMIT 1",
            (name,),
        ).fetchone()
        if last is not None and last[7] is None and last[2] == sha256:
            connection.execute(
                "UPDATE library_versions SET manifest = ? WHERE name = ? AND version = ?",
                (manifest, name, last[1]),
            )
            return StoredVersion(*last[:7])._replace(manifest=manifest)
        version = StoredVersion(
            name, last[1] + 1 if last else 1, sha256, size, manifest, added_by, at, True
        )
        connection.execute(
            "INSERT INTO library_versions"
            " (name, version, sha256, size, manifest, added_by, added_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            version[:7],
        )
        return version

    return await store.write(insert)


async def newest(store: Store, name: str) -> StoredVersion | None:
    """The name's last version, if it is not deleted."""

    def select(connection: sqlite3.Connection) -> StoredVersion | None:
        row = connection.execute(
            "SELECT name, version, sha256, size, manifest, added_by, added_at"
            " FROM library_versions WHERE name = ? AND deleted_at IS NULL"
            " ORDER BY version DESC LIMIT 1",
            (name,),
        ).fetchone()
        return None if row is None else StoredVersion(*row)

    return await store.read(select)


async def delete(store: Store, name: str, at: str) -> int:
    """Takes a name out; how many versions it had."""

    def update(connection: sqlite3.Connection) -> int:
        return connection.execute(
            "UPDATE library_versions SET deleted_at = ? WHERE name = ? AND deleted_at IS NULL",
            (at, name),
        ).rowcount

    return await store.write(update)


async def last_run(store: Store, person: str, script: str) -> int | None:
    """The version that the person last ran."""

    def select(connection: sqlite3.Connection) -> int | None:
        row = connection.execute(
            "SELECT version FROM person_seen WHERE person = ? AND script = ?", (person, script)
        ).fetchone()
        return int(row[0]) if row else None

    return await store.read(select)


async def ran(store: Store, person: str, script: str, version: int, at: str) -> None:
    """Notes which version the person ran, and that it was run once more."""

    def upsert(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO person_seen (person, script, version) VALUES (?, ?, ?)"
            " ON CONFLICT (person, script) DO UPDATE SET version = excluded.version",
            (person, script, version),
        )
        connection.execute(
            "INSERT INTO script_runs (script, version, runs, last_at) VALUES (?, ?, 1, ?)"
            " ON CONFLICT (script, version)"
            " DO UPDATE SET runs = runs + 1, last_at = excluded.last_at",
            (script, version, at),
        )

    await store.write(upsert)


async def runs(store: Store) -> dict[tuple[str, int], tuple[int, str]]:
    """(name in small letters, version) -> how often it was run, and when last."""

    def select(connection: sqlite3.Connection) -> dict[tuple[str, int], tuple[int, str]]:
        rows = connection.execute("SELECT lower(script), version, runs, last_at FROM script_runs")
        return {(name, version): (count, at) for name, version, count, at in rows}

    return await store.read(select)
