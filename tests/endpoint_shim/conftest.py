"""A door, a device enrolled at it, and its shim as a real process."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.door import Door


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def door(authority: Authority, tmp_path: Path) -> AsyncIterator[Door]:
    door = Door()
    door_at = await door.listen(authority, tmp_path)
    authority.enrol(tmp_path / "state", door_at)
    yield door
    await door.close()


@pytest.fixture
async def shim(door: Door, tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The supervisor, started; ended by its own pid."""
    with (tmp_path / "shim.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "endpoint_shim", "run", "--state"),
            str(tmp_path / "state"),
            stderr=log,
        )
    yield process
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # it may be ending by itself
            os.kill(process.pid, signal.SIGTERM)
        async with asyncio.timeout(15):
            await process.wait()
