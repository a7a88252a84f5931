"""Devices and their certificates."""

import sqlite3
from typing import NamedTuple

import msgspec

from server.store.sqlite import Store


class StoredDevice(NamedTuple):
    """One enrolled device; `serials` are its certificates that still count."""

    id: str
    name: str
    tags: tuple[str, ...]
    platform: str
    last_seen_ms: int | None
    revoked: bool
    serials: tuple[str, ...]
    host: str = ""
    """What it called itself when its line was up first."""
    machine: str = ""
    """What told its machine from others then."""


class NameTaken(Exception):
    """Another device that is not revoked has the name."""


async def all_devices(store: Store) -> list[StoredDevice]:
    """Every device ever enrolled."""

    def select(connection: sqlite3.Connection) -> list[StoredDevice]:
        serials: dict[str, list[str]] = {}
        for serial, device in connection.execute(
            "SELECT serial, device FROM certificates WHERE revoked_at IS NULL"
        ):
            serials.setdefault(device, []).append(serial)
        return [
            StoredDevice(
                row[0],
                row[1],
                tuple(msgspec.json.decode(row[2], type=list[str])),
                row[3],
                int(row[4]) if row[4] else None,
                row[5] is not None,
                tuple(serials.get(row[0], ())),
                row[6],
                row[7],
            )
            for row in connection.execute(
                "SELECT id, name, tags, platform, last_seen, revoked_at, facts, machine"
                " FROM devices"
            )
        ]

    return await store.read(select)


class NewDevice(NamedTuple):
    """What enrolment stores."""

    id: str
    name: str
    tags: list[str]
    platform: str
    serial: str
    not_after: str
    at: str


def insert(connection: sqlite3.Connection, device: NewDevice) -> None:
    """Part of the enrolment's one transaction; NameTaken if another has the name."""
    held = connection.execute(
        "SELECT revoked_at FROM devices WHERE name = ?", (device.name,)
    ).fetchone()
    if held is not None and held[0] is None:
        raise NameTaken(device.name)
    if held is not None:
        # A revoked device keeps its history under its id; its name is free again.
        connection.execute(
            "UPDATE devices SET name = name || '~' || id WHERE name = ?", (device.name,)
        )
    connection.execute(
        "INSERT INTO devices (id, name, serial, tags, platform, enrolled_at, facts)"
        " VALUES (?, ?, ?, ?, ?, ?, '')",
        (
            device.id,
            device.name,
            device.serial,
            msgspec.json.encode(device.tags).decode(),
            device.platform,
            device.at,
        ),
    )
    connection.execute(
        "INSERT INTO certificates (serial, device, issued_at, not_after) VALUES (?, ?, ?, ?)",
        (device.serial, device.id, device.at, device.not_after),
    )


async def add_certificate(
    store: Store, device_id: str, serial: str, not_after: str, at: str
) -> bool:
    """One more certificate of a device; False where it was revoked meanwhile."""

    def insert_it(connection: sqlite3.Connection) -> bool:
        return bool(
            connection.execute(
                "INSERT INTO certificates (serial, device, issued_at, not_after)"
                " SELECT ?, id, ?, ? FROM devices WHERE id = ? AND revoked_at IS NULL",
                (serial, at, not_after, device_id),
            ).rowcount
        )

    return await store.write(insert_it)


async def expired(store: Store, now: str) -> bool:
    """Whether a device that is not revoked has no certificate left that lasts beyond `now`."""

    def select(connection: sqlite3.Connection) -> bool:
        row = connection.execute(
            "SELECT 1 FROM devices WHERE revoked_at IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM certificates WHERE device = devices.id AND not_after > ?) LIMIT 1",
            (now,),
        ).fetchone()
        return row is not None

    return await store.read(select)


async def revoke(store: Store, device_id: str, at: str) -> None:
    """None of the device's certificates counts from here on."""

    def update(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE devices SET revoked_at = ? WHERE id = ?", (at, device_id))
        connection.execute(
            "UPDATE certificates SET revoked_at = ? WHERE device = ? AND revoked_at IS NULL",
            (at, device_id),
        )

    await store.write(update)


async def set_tags(store: Store, device_id: str, tags: tuple[str, ...]) -> None:
    """The device's tags from here on."""
    text = msgspec.json.encode(tags).decode()

    def update(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE devices SET tags = ? WHERE id = ?", (text, device_id))

    await store.write(update)


async def first_host(store: Store, device_id: str, host: str) -> None:
    """Keeps what it calls itself now, if nothing was kept before."""

    def update(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE devices SET facts = ? WHERE id = ? AND facts = ''", (host, device_id)
        )

    await store.write(update)


async def first_machine(store: Store, device_id: str, machine: str) -> None:
    """Keeps what tells its machine from others, if nothing was kept before."""

    def update(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE devices SET machine = ? WHERE id = ? AND machine = ''", (machine, device_id)
        )

    await store.write(update)


async def seen(store: Store, device_id: str, at_ms: int) -> None:
    """Notes when the device's line was last up."""

    def update(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE devices SET last_seen = ? WHERE id = ?", (at_ms, device_id))

    await store.write(update)
