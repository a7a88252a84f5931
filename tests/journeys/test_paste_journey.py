"""One console is flooded by a paste; in another one each key is timed to its echo."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.journeys.rig import House
from tests.journeys.screen import Screen
from tests.journeys.waited import delay_of

PASTES = {
    "plain": b"x" * 1_000_000,
    "many lines": b"devices\n" * 200,
    "endless escape": b"\x1b[" + b"1" * 200_000,
    "endless paste": b"\x1b[200~" + b"y" * 500_000,
    "all that can be typed": bytes(range(32, 127)) * 3000,
    "moving about": b"\x01\x05\x1bb\x1bf\x17ab " * 20_000,
    "searching": b"\x12abc" * 20_000,
    "completing": b"d\t" * 20_000,
    "4,500 lines": b"\x1b[200~" + b"abcdefg hijk\n" * 4500 + b"\x1b[201~",
}
KEYS = 80
pytestmark = pytest.mark.alone
ALLOWED_S = 0.05


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("paste") / "house") as house:
        yield house


def echo(house: House, screen: Screen) -> float:
    """Seconds from a key to its echo, without those in which the machine had no processor free."""
    assert house.broker is not None
    seen = len(screen.raw)

    def shown() -> None:
        screen.type("q")
        while len(screen.raw) == seen:
            screen.read(5)

    return delay_of(shown, house.broker.pid, screen.pid)


def slowest(house: House, paste: bytes) -> tuple[float, float]:
    """The 95th of 100 echoes, and the worst, while the other console takes the paste."""
    with Screen(house.ssh("", "-tt")[:-1]) as screen:
        screen.until(r"^fireline>")
        other = subprocess.Popen(
            house.ssh("", "-tt")[:-1],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert other.stdin is not None and other.stdout is not None
        while b"fireline" not in os.read(other.stdout.fileno(), 65_536):
            pass
        reading = threading.Thread(target=other.stdout.read, daemon=True)
        writing = threading.Thread(target=_write, args=(other, paste), daemon=True)
        reading.start()
        writing.start()
        took = []
        for number in range(KEYS):
            took.append(echo(house, screen))
            if number % 40 == 39:
                screen.type("\x03")
                screen.until(lambda s: s.lines[s.screen.cursor.y] == "fireline>")
        alive = other.poll() is None
        other.kill()
        other.wait()
        reading.join()
        writing.join()
        other.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            other.stdin.close()
        assert alive
    took.sort()
    return took[len(took) * 95 // 100], took[-1]


def _write(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(data)
        process.stdin.flush()
    except BrokenPipeError:
        return


@pytest.mark.parametrize("name", PASTES)
def test_a_hostile_paste_delays_nobody_else(house: House, name: str) -> None:
    """Of three tries the best: on a shared machine one may meet somebody else's load."""
    tries = []
    for _ in range(3):
        p95, worst = slowest(house, PASTES[name])
        tries.append((worst, p95))
        if worst <= ALLOWED_S:
            return
    worst, p95 = min(tries)
    assert worst <= ALLOWED_S, f"worst {worst * 1000:.0f} ms, 95 of 100 {p95 * 1000:.0f} ms"
