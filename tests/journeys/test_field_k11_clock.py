"""Field report k11, clock-wrong: a device whose clock is years off is told so, with both times."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from tests.journeys.rig import SHIM, House, until

pytestmark = [pytest.mark.needs("faketime", "ssh-keygen"), pytest.mark.timeout(120)]
CLOCKS = ("2019-03-01 12:00:00", "2035-03-01 12:00:00")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("clock") / "house", {"reserve_bytes": 1 << 20}) as house:
        yield house


def shim(clock: str, state: Path, *words: str) -> list[str]:
    """The shim's program under a C clock (OpenSSL's too) that starts there."""
    python = [sys.executable, "-I", *SHIM, "--state", str(state), *words]
    return ["env", "TZ=UTC", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", clock, *python]


def told(clock: str, said: str) -> bool:
    """Whether it gives both times and their difference, and what is wrong is the date."""
    found = re.search(
        r"certificate (?:is not yet valid|has expired); this clock says (\S+) \S+ UTC, the "
        r"broker's CA was made (\S+) \S+ UTC, ([\d,]+) days (earlier|later): is this clock right\?",
        said,
    )
    if found is None:
        return False
    off = datetime.fromisoformat(found[1]) - datetime.fromisoformat(found[2])
    assert found[1] == clock[:10]
    assert abs(datetime.fromisoformat(found[2]) - datetime.now(UTC).replace(tzinfo=None)).days < 3
    assert abs(abs(off.days) - int(found[3].replace(",", ""))) <= 1
    assert found[4] == ("earlier" if off.days > 0 else "later")
    return True


@pytest.mark.parametrize("clock", CLOCKS)
def test_clock_wrong_at_enrolment(house: House, tmp_path: Path, clock: str) -> None:
    words = shim(clock, tmp_path / "state", "enroll", "--name", "year-01")
    ran = subprocess.run(words, input=house.token("year-01").encode(), capture_output=True)
    assert ran.returncode != 0
    assert told(clock, ran.stderr.decode()), ran.stderr.decode()
    assert house.of_kind("enrolled") == [] or house.of_kind("enrolled")[-1]["name"] != "year-01"


@pytest.mark.parametrize("clock", CLOCKS)
def test_clock_wrong_on_the_line(house: House, clock: str) -> None:
    name = f"line-{clock[:4]}"
    state = house.enrol(name).state
    with (state.parent / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(shim(clock, state, "run"), stderr=log)
    try:
        refused = state / "last-refusal.json"
        until("it notes why", lambda: refused.exists() and told(clock, refused.read_text()), 60)
    finally:
        for child in psutil.Process(process.pid).children():  # faketime waits for the shim's end
            child.terminate()
        process.wait(15)
    ran = subprocess.run(shim(clock, state, "check"), capture_output=True, text=True)
    assert ran.returncode == 1 and told(clock, ran.stdout), ran.stdout
    assert not house.online(name)
    house.start_shim(name)
