"""The broker that the tests of the doors share."""

import asyncio
import gc
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
    """How much of the processor one turn of the loop took at most, since the test began: what else
    the machine does meanwhile is no part of it, nor are cycles among all tests of this process."""
    gaps: list[float] = []

    async def beat() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            gaps.append(now - last)
            last = now

    gc.freeze()
    beating = asyncio.create_task(beat())
    yield lambda: max(gaps, default=0.0)
    beating.cancel()
    await asyncio.wait({beating})
    gc.unfreeze()
