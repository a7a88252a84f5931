"""A flood on one session and keys in another: between two keys the flood gets nothing through."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(180)]
DEVICE = "web-01"
PROGRAM = (str(Path(__file__).with_name("strict_share.py")),)
FLOOD = "yes 0123456789012345678901234567890123456789"
MUCH, LARGE = 4 << 20, 1 << 30
KEPT = ("results", "evidence")
KEYS, TURNS = 20, 10


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path / "house", {"reserve_bytes": 1 << 20}, program=PROGRAM) as house:
        house.start_shim(DEVICE)
        yield house
        house.kill_broker()  # else it waits for the end of what stands still


@contextmanager
def flood(house: House, line: str, *options: str) -> Iterator[None]:
    """One that nobody types into, shown to nobody who is slow."""
    argv = house.ssh(line, *options)
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as client:
        try:
            yield
        finally:
            client.kill()


def through(house: House) -> int:
    """What of any session is kept here by now."""
    kept = [file for place in KEPT for file in (house.home / place).rglob("*")]
    return sum(file.stat().st_size for file in kept if file.is_file())


def large(folder: Path) -> Path:
    """A file without holes: those cost no turn."""
    path = folder / "large"
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(LARGE >> 20):
            file.write(block)
    return path


def keys(screen: Screen) -> None:
    """So many, each seen before the next."""
    for _ in range(KEYS):
        key(screen, len(screen.text))


def key(screen: Screen, shown: int) -> None:
    screen.type("q")
    screen.until(lambda s: len(s.text) > shown, 20)


@contextmanager
def shell(house: House) -> Iterator[Screen]:
    with Screen(house.ssh(f"shell {DEVICE}", "-tt")) as screen:
        screen.type("printf 'IS''READY'; exec cat\r")
        screen.until("ISREADY")
        yield screen


@contextmanager
def prompt(house: House) -> Iterator[Screen]:
    with Screen(house.ssh(f"connect {DEVICE}", "-tt")) as screen:
        screen.until(rf"^{DEVICE} .*>$")
        yield screen


@pytest.mark.parametrize(("what", "typist"), [("a terminal", shell), ("a transfer", prompt)])
def test_what_floods_stands_back_for_keys_elsewhere(
    house: House, what: str, typist: Callable[[House], AbstractContextManager[Screen]]
) -> None:
    if what == "a terminal":
        flooding = flood(house, FLOOD, "-o", f"User=alice~{DEVICE}")
    else:
        flooding = flood(house, f"on {DEVICE} getfile {large(house.state)}")
    with typist(house) as screen, flooding:
        until("it floods", lambda: through(house) > MUCH)
        before = -1
        for _ in range(TURNS):
            keys(screen)
            if before == (before := through(house)):
                assert what == "a terminal" or before < LARGE, "it was through too soon"
                return
    raise AssertionError(f"{what} still gets through: {before:,} bytes")
