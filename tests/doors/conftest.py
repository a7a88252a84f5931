"""The broker that the tests of the doors share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doors.rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path / "state", tmp_path / "keys")
    await rig.start()
    yield rig
    await rig.stop()
