"""A broker and this machine as its device, for the journeys."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.doors.rig import Rig, start_device
from tests.journeys.field import ARGUMENTS, DEVICE, Field
from tests.journeys.ranges import Range, up
from tests.journeys.rig import House


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """A broker without a device."""
    rig = Rig(tmp_path / "state", tmp_path / "keys")
    await rig.start()
    yield rig
    await rig.stop()


@pytest.fixture
async def house(rig: Rig) -> AsyncIterator[Rig]:
    """A broker with the device web-01, this machine."""
    device = await start_device(rig, "web-01")
    yield rig
    await device.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """A broker with the device web-01, for all tests of a file whose loop is the file's own."""
    place = tmp_path_factory.mktemp("standing")
    rig = Rig(place / "state", place / "keys")
    await rig.start()
    device = await start_device(rig, "web-01")
    yield rig
    await device.stop()
    await rig.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def shared(standing: Rig) -> AsyncIterator[Rig]:
    """That house; each test leaves no session and the rules as they were."""
    yield standing
    broker = standing.broker
    assert broker is not None
    for session in list(broker.sessions.live.values()):
        await session.end("the test ends")
    standing.write_access()
    await broker.access.reload_if_changed()


@pytest.fixture(scope="session")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """One broker and device for all field reports, each in a process of its own."""
    # A low reserve: what the machine has left is not what these cases are about.
    with House(
        tmp_path_factory.mktemp("field") / "h", {"reserve_bytes": 1 << 20, "left_open_s": 1}
    ) as house:
        house.start_shim(DEVICE)
        field = Field(house)
        field.add("args.py", ARGUMENTS)
        yield field


@pytest.fixture(scope="session")
def range_device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    """One for all that need it; each leaves it as it was, open and unrestricted."""
    with up(tmp_path_factory.mktemp("range") / "state") as made:
        yield made
