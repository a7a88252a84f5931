"""A program on the device swaps what a path leads to without pause: nothing outside is touched.

1. `inside` is now a folder, now a link to `outside`; `file` is now a plain file, now a link to a
   file that the device's policy keeps from everybody.
2. 500 getfiles and 500 putfiles go that way, one after another, over one real ssh connection.
3. The rig is trusted because the shim in `broken/`, broken on purpose, fails it.
"""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.journeys.rig import SHIM, House
from tests.soaking import within

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(300), pytest.mark.slow]

DEVICE = "races-01"
ROUNDS, SOAK_ROUNDS = 500, 10_000
LIMITS = {"reserve_bytes": 1 << 20, "left_open_s": 0.2}
SECRET = b"of nobody's business"
BROKEN = Path(__file__).parent / "broken" / "trusts_paths.py"


class Races:
    """A house, and the folder in which a device's paths are swapped."""

    def __init__(self, house: House, place: Path) -> None:
        self.house, self.place = house, place
        for folder in ("inside", "outside", "kept"):
            (place / folder).mkdir(parents=True)
        for folder in ("inside", "outside"):
            (place / folder / "file").write_bytes(b"anybody's")
        (place / "kept" / "secret").write_bytes(SECRET)
        (place / "file").write_bytes(b"anybody's")
        (place / "to-outside").symlink_to("outside")
        (place / "to-secret").symlink_to("kept/secret")
        (place / "to-kept").symlink_to("kept")
        shim = house.enrol(DEVICE)
        policy = shim.state / "policy.toml"
        policy.write_text(f'off_limits = ["{place}/kept"]\n')
        policy.chmod(0o600)
        house.start_shim(DEVICE)
        assert house.run("library add f", stdin=b"put here").status == 0

    def typed(self, lines: Sequence[str]) -> tuple[int, int]:
        """Types them all, one after another; how many were done and how many refused."""
        ran = subprocess.run(
            self.house.ssh(f"connect {DEVICE}"), input="\n".join([*lines, "exit", ""]).encode(),
            capture_output=True, timeout=280, check=False,
        )  # fmt: skip
        said = (ran.stdout + ran.stderr).decode()
        done = len(re.findall(r" (?:taken|put|written)\b.*: \d+ bytes", said))
        refused = len(re.findall(r"^(?:refused|failed): ", said, re.MULTILINE))
        return done, refused

    @contextlib.contextmanager
    def swapped(self, one: str, other: str) -> Iterator[None]:
        program = Path(__file__).with_name("swapper.py")
        swapper = subprocess.Popen(
            [sys.executable, "-I", program, self.place, one, other], stdout=subprocess.PIPE
        )
        try:
            assert swapper.stdout is not None
            swapper.stdout.readline()
            yield
        finally:
            swapper.kill()
            swapper.communicate()

    def put(self, rounds: int) -> tuple[int, int]:
        with self.swapped("inside", "to-outside"):
            counted = self.typed(
                [f"putfile f -path {self.place}/inside/f{number}" for number in range(rounds)]
            )
        found = {*os.listdir(self.place / "outside"), *os.listdir(self.place / "to-outside")}
        ours = [name for name in found if name != "file"]
        into = next(p for p in ("inside", "to-outside") if not (self.place / p).is_symlink())
        assert sorted(os.listdir(self.place / "outside")) == ["file"], f"{ours[:5]} lie outside"
        assert len(os.listdir(self.place / into)) - 1 == counted[0], counted
        return counted

    def get(self, rounds: int, name: str, one: str, other: str) -> tuple[int, int]:
        with self.swapped(one, other):
            counted = self.typed([f"getfile {self.place}/{name}"] * rounds)
        taken = [
            path.read_bytes()
            for path in (self.house.home / "evidence").rglob("*")
            if path.is_file()
        ]
        assert SECRET not in taken, "what the device's policy keeps was taken"
        return counted


@pytest.fixture
def make_races(tmp_path: Path) -> Iterator[Callable[..., Races]]:
    houses: list[House] = []

    def make(shim: Sequence[str] = SHIM) -> Races:
        house = House(tmp_path / "house", LIMITS, shim_program=shim)
        houses.append(house.__enter__())
        return Races(house, tmp_path / "place")

    yield make
    for house in houses:
        house.__exit__()


def both_happened(counted: tuple[int, int], rounds: int) -> None:
    """The swaps came at all: some paths led inside, some did not."""
    done, refused = counted
    assert done + refused == rounds, counted
    assert done > rounds // 50 and refused > rounds // 50, counted


def test_a_putfile_into_a_swapped_folder_writes_nothing_outside(
    make_races: Callable[..., Races],
) -> None:
    both_happened(make_races().put(ROUNDS), ROUNDS)


def test_a_getfile_of_a_swapped_file_takes_nothing_that_is_kept(
    make_races: Callable[..., Races],
) -> None:
    races = make_races()
    both_happened(races.get(ROUNDS // 2, "file", "file", "to-secret"), ROUNDS // 2)
    (races.place / "inside" / "secret").write_bytes(b"anybody's")
    both_happened(races.get(ROUNDS // 2, "inside/secret", "inside", "to-kept"), ROUNDS // 2)


def test_a_shim_that_trusts_paths_is_caught(make_races: Callable[..., Races]) -> None:
    races = make_races((str(BROKEN),))
    with pytest.raises(AssertionError, match="lie outside"):
        races.put(60)
    with pytest.raises(AssertionError, match="was taken"):
        for _ in range(6):
            races.get(60, "file", "file", "to-secret")


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_ten_thousand_races_touch_nothing_outside(make_races: Callable[..., Races]) -> None:
    races = make_races()
    for _ in within(range(SOAK_ROUNDS // ROUNDS)):
        races.get(ROUNDS, "file", "file", "to-secret")
    races.put(ROUNDS)
