"""Tokens count once, for the names they were made for, until they expire."""

import asyncio
import hashlib

import pytest

from server.store import devices, tokens
from server.store.devices import NameTaken
from server.store.sqlite import Store
from server.store.tokens import TokenRefused
from tests.store.test_devices import new

HASH = hashlib.sha256(b"secret").hexdigest()
NOW = 1_000_000.0
AT = "2026-11-24T14:02:51.120Z"


async def made(store: Store, pattern: str = "web-*") -> None:
    await tokens.add(store, HASH, pattern, ["web"], NOW + 60, "olga")


async def test_a_hundred_parallel_uses_give_one_success(store: Store) -> None:
    await made(store)
    found = await asyncio.gather(
        *(tokens.claim(store, HASH, new(f"web-{n}", n), NOW, AT) for n in range(100)),
        return_exceptions=True,
    )
    assert found.count(None) == 1
    refused = [str(error) for error in found if isinstance(error, TokenRefused)]
    assert len(refused) == 99
    assert set(refused) == {"the token was used already; each enrols one device"}
    assert len(await devices.all_devices(store)) == 1
    assert not store.failed.done()


async def test_a_taken_name_does_not_use_the_token_up(store: Store) -> None:
    await made(store)
    await store.write(lambda connection: devices.insert(connection, new("web-1", 1)))
    with pytest.raises(NameTaken):
        await tokens.claim(store, HASH, new("web-1", 2), NOW, AT)
    await tokens.claim(store, HASH, new("web-2", 2), NOW, AT)


@pytest.mark.parametrize(
    ("digest", "name", "now", "why"),
    [
        (hashlib.sha256(b"other").hexdigest(), "web-1", NOW, "not one of this broker's"),
        (HASH, "db-1", NOW, "for names like web-"),
        (HASH, "web-1", NOW + 60, "expired"),
    ],
)
async def test_what_does_not_count_says_why(
    store: Store, digest: str, name: str, now: float, why: str
) -> None:
    await made(store)
    with pytest.raises(TokenRefused, match=why):
        await tokens.peek(store, digest, name, now)
    with pytest.raises(TokenRefused, match=why):
        await tokens.claim(store, digest, new(name), now, AT)
    assert await devices.all_devices(store) == []


async def test_looking_does_not_use_it_up(store: Store) -> None:
    await made(store)
    assert await tokens.peek(store, HASH, "WEB-1", NOW) == ["web"]
    assert await tokens.unused(store, NOW)
    await tokens.claim(store, HASH, new("web-1"), NOW, AT)
    assert not await tokens.unused(store, NOW)


async def test_an_expired_token_keeps_no_port_open(store: Store) -> None:
    await made(store)
    assert not await tokens.unused(store, NOW + 60)


async def test_the_secret_is_not_at_rest(store: Store) -> None:
    await made(store)
    kept = await store.read(lambda c: c.execute("SELECT * FROM tokens").fetchall())
    assert bytes.fromhex(HASH) in kept[0]
    assert not any("secret" in str(value) for value in kept[0])
