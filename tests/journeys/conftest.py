"""A broker and this machine as its device, for the journeys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doors.rig import Rig, start_device


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Rig]:
    """A broker with the device web-01, this machine."""
    rig = Rig(tmp_path / "state", tmp_path / "keys")
    await rig.start()
    device = await start_device(rig, "web-01")
    yield rig
    await device.stop()
    await rig.stop()
