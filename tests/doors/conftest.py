"""The broker that the tests of the doors share."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.doors.rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path / "state", tmp_path / "keys")
    await rig.start()
    yield rig
    await rig.stop()


@pytest.fixture
async def longest_turn() -> AsyncIterator[Callable[[], float]]:
    """How long the loop was held at most, since the test began."""
    gaps: list[float] = []

    async def beat() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    beating = asyncio.create_task(beat())
    yield lambda: max(gaps, default=0.0)
    beating.cancel()
    await asyncio.wait({beating})
