"""Clocks that are wrong and clocks that jump: shown above 2 s, and nothing else comes of it."""

import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.journeys.rig import House, until
from tests.journeys.screen import Screen
from tests.journeys.wrong_clock import WrongClock

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "clock-01"
SLEEPER = "#!/bin/sh\necho begun\nsleep $1\necho whole\n"
HOUR = 3600


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WrongClock]:
    folder = tmp_path_factory.mktemp("clocks")
    return {
        "device": WrongClock(folder / "device", "endpoint_shim"),
        "broker": WrongClock(folder / "broker", "server"),
    }


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, clocks: dict[str, WrongClock]
) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("clock") / "house", {"reserve_bytes": 1 << 20})
    house.program = clocks["broker"].program
    house.shim_program = clocks["device"].program
    with house:
        assert house.run("library add sleeper.sh", stdin=SLEEPER.encode()).status == 0
        house.start_shim(DEVICE)
        yield house


@pytest.fixture
def device(clocks: dict[str, WrongClock]) -> Iterator[WrongClock]:
    yield clocks["device"]
    clocks["device"].set(0)


@pytest.fixture
def broker(clocks: dict[str, WrongClock]) -> Iterator[WrongClock]:
    yield clocks["broker"]
    clocks["broker"].set(0)


def offset(house: House) -> float:
    (row,) = [row for row in house.rows("devices") if row["name"] == DEVICE]
    return float(row["clock_offset_s"])


def first_screen(house: House) -> str:
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=100) as s:
        s.until(rf"^{DEVICE} .*>$")
        text = s.text
        s.enter("exit")
        s.status(30)
    return text


def test_a_clock_that_is_right_is_not_spoken_of(house: House) -> None:
    assert abs(offset(house)) < 2
    assert not re.search(r"^clock ", first_screen(house), re.MULTILINE)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-252.5, r"4 m 1[23] s behind"),
        (26 * HOUR, r"(26 h 0|25 h 59) m ahead"),
        (3.4, r"3\.\d s ahead"),
    ],
)
def test_a_clock_that_was_set_is_said_on_the_next_first_screen(
    house: House, device: WrongClock, seconds: float, said: str
) -> None:
    device.set(seconds)
    until("the device tells its clock", lambda: abs(offset(house) - seconds) < 1, 10)
    line = rf"^clock   ({said}); its times are shown as it gives them$"
    screen = first_screen(house)
    assert re.search(line, screen, re.MULTILINE), screen


def test_a_jump_ends_no_command_early_and_none_late(house: House, device: WrongClock) -> None:
    client = subprocess.Popen(
        house.ssh(f"on {DEVICE} run sleeper.sh -timeout 30 1.5"),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert client.stdout is not None
    assert client.stdout.readline() == b"begun\n"
    device.set(40 * 24 * HOUR)
    assert client.stdout.read() == b"whole\n"
    assert client.wait(10) == 0
    client.stdout.close()
    client = subprocess.Popen(
        house.ssh(f"on {DEVICE} run sleeper.sh -timeout 1 -grace 0 60"),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert client.stdout is not None
    assert client.stdout.readline() == b"begun\n"
    began = time.monotonic()
    device.set(-40 * 24 * HOUR)
    assert client.wait(10) == 124
    client.stdout.close()
    assert time.monotonic() - began < 5


def test_a_broker_whose_clock_jumps_keeps_its_order_and_its_sessions(
    house: House, broker: WrongClock
) -> None:
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(rf"^{DEVICE} .*>$")
        session = house.sessions()[-1]
        for seconds, number in ((5 * HOUR, 1), (-5 * HOUR, 2), (0, 3)):
            broker.set(seconds)
            s.enter("processes -name no-such-program")
            s.until(rf"^0 rows, 0\.\d s, #{number}")
        s.enter("exit")
        s.status(30)
    until("the session has ended", lambda: house.of_kind("session_ended", session))
    records = house.records(session)
    times = [record["time"] for record in records]
    assert times != sorted(times), "the clock did not jump"
    numbers = [r["number"] for r in records if r["kind"] == "ended"]
    assert numbers == sorted(numbers) and len(numbers) >= 3
    assert all(0 <= r["took_ms"] < 10_000 for r in records if r["kind"] == "ended")
    (ended,) = house.of_kind("session_ended", session)
    assert 0 <= ended["length_ms"] < 60_000
    for journal in (session, "broker"):
        status, said = house.admin(f"verify {journal}")
        assert status == 0, said
    assert house.online(DEVICE)
