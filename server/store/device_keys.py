"""The public key of each device, as its first verified certificate had it: it keeps that one."""

import sqlite3

from server.store.sqlite import Store


async def all_keys(store: Store) -> dict[str, str]:
    """Device -> its key as OpenSSH writes it, revoked ones too."""

    def select(connection: sqlite3.Connection) -> dict[str, str]:
        return dict(connection.execute("SELECT device, key FROM device_keys").fetchall())

    return await store.read(select)


async def keep(store: Store, device: str, key: str) -> None:
    """The first one stays: a renewal is for the same key."""

    def insert(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT OR IGNORE INTO device_keys (device, key) VALUES (?, ?)", (device, key)
        )

    await store.write(insert)
