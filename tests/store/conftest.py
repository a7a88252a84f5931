"""A real store in a folder of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.store.sqlite import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "state" / "fireline.db")
    yield store
    await store.close()
