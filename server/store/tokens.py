"""Enrolment tokens: hashed, used once, expiring, bound to names."""

import fnmatch
import sqlite3

import msgspec

from server.store import devices
from server.store.sqlite import Store


class TokenRefused(Exception):
    """Why the token does not count, as a sentence's end."""


async def add(
    store: Store, digest: str, pattern: str, tags: list[str], expires_at: float, made_by: str
) -> None:
    """Keeps a new token's hash; `expires_at` is seconds since 1970."""

    def insert(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO tokens (hash, name_pattern, tags, expires_at, made_by)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                bytes.fromhex(digest),
                pattern,
                msgspec.json.encode(tags).decode(),
                expires_at,
                made_by,
            ),
        )

    await store.write(insert)


async def unused(store: Store, now: float) -> bool:
    """Whether any token could still be used: only then is the enrolment port open."""

    def select(connection: sqlite3.Connection) -> bool:
        row = connection.execute(
            "SELECT 1 FROM tokens WHERE used_at IS NULL AND expires_at > ? LIMIT 1", (now,)
        ).fetchone()
        return row is not None

    return await store.read(select)


def check(connection: sqlite3.Connection, digest: str, name: str, now: float) -> list[str]:
    """The tags that the token gives a device of this name; raises TokenRefused."""
    row = connection.execute(
        "SELECT name_pattern, tags, expires_at, used_at FROM tokens WHERE hash = ?",
        (bytes.fromhex(digest),),
    ).fetchone()
    if row is None:
        raise TokenRefused("the token is not one of this broker's")
    pattern, tags, expires_at, used_at = row
    if used_at is not None:
        raise TokenRefused("the token was used already; each enrols one device")
    if expires_at <= now:
        raise TokenRefused("the token has expired; fireline token new makes another")
    if not fnmatch.fnmatchcase(name.lower(), pattern.lower()):
        raise TokenRefused(f"the token is for names like {pattern}, not for {name}")
    return msgspec.json.decode(tags, type=list[str])


async def peek(store: Store, digest: str, name: str, now: float) -> list[str]:
    """The same, without using it up: before a certificate is signed."""

    def select(connection: sqlite3.Connection) -> list[str]:
        return check(connection, digest, name, now)

    return await store.read(select)


async def claim(store: Store, digest: str, device: devices.NewDevice, now: float, at: str) -> None:
    """Uses the token up and keeps the device, both or neither; one of many parallel uses wins."""

    def update(connection: sqlite3.Connection) -> None:
        check(connection, digest, device.name, now)
        devices.insert(connection, device)
        connection.execute(
            "UPDATE tokens SET used_at = ? WHERE hash = ?", (at, bytes.fromhex(digest))
        )

    await store.write(update)
