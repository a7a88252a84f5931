"""300 power cuts of a broker at work: what was answered is there, nothing is half or false.

The rig is trusted because the brokers in `broken/`, broken on purpose, fail it.
"""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.power import check, cuts, work
from tests.soaking import within

pytestmark = [pytest.mark.needs("ssh", "strace"), pytest.mark.timeout(300), pytest.mark.slow]

ROUNDS, TURNS = 300, 8
SOAK_ROUNDS, SOAK_TURNS = 10_000, 12
BROKEN = Path(__file__).parent / "broken"


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: laying out a disk is most of a round."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as place:
        yield Path(place)


async def rounds(place: Path, memory: Path, count: int, turns: int, program: Path | None) -> None:
    seed = int(os.environ.get("FIRELINE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"FIRELINE_SEED={seed}")
    # Of what is read here after each cut, debug's notes of every future's origin are a quarter.
    asyncio.get_running_loop().set_debug(False)
    done = work(place, turns, (str(program),) if program else ("-m", "server"))
    disk = memory / "disk"
    for cut in cuts(done, count, seed, disk):
        await check(cut, done.answers, disk)


async def test_a_power_cut_loses_nothing_that_was_answered(tmp_path: Path, memory: Path) -> None:
    await rounds(tmp_path, memory, ROUNDS, TURNS, None)


async def test_a_store_that_does_not_sync_is_caught(tmp_path: Path, memory: Path) -> None:
    with pytest.raises(AssertionError, match="was answered at .* and is lost|does not verify"):
        await rounds(tmp_path, memory, 40, 4, BROKEN / "normal_sync.py")


async def test_recordings_that_skip_their_fsync_are_caught(tmp_path: Path, memory: Path) -> None:
    with pytest.raises(AssertionError, match="is not there up to its commit"):
        await rounds(tmp_path, memory, 40, 4, BROKEN / "unsynced_recordings.py")


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_ten_thousand_power_cuts_lose_nothing(tmp_path: Path, memory: Path) -> None:
    for number in within(range(SOAK_ROUNDS // ROUNDS)):
        place, disks = tmp_path / str(number), memory / str(number)
        place.mkdir()
        disks.mkdir()
        await rounds(place, disks, ROUNDS, SOAK_TURNS, None)
        shutil.rmtree(place)
