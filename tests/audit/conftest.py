"""A real store and journal in a folder of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.audit.journal import Journal
from server.audit.records import SessionOpened
from server.store.sqlite import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "state" / "fireline.db")
    yield store
    await store.close()


@pytest.fixture
async def journal(store: Store) -> AsyncIterator[Journal]:
    journal = await Journal.open(store, store.path.parent)
    yield journal
    for session in list(journal.live.values()):
        await session.end("the test is over")
    await journal.close()


@pytest.fixture
def opened() -> SessionOpened:
    return SessionOpened(
        person="alice",
        key="SHA256:Xk3f9aQ2",
        source="127.0.0.1",
        device_id="d1",
        device="web-02",
        door="console",
        client="OpenSSH_9.2",
        comment="INC-4711",
        role="advanced",
        rule="prod-responders",
    )
