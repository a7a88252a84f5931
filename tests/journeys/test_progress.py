"""A transfer shows how far it is while it runs, and nothing of that where nobody looks."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.rig import House
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(150)]

DEVICE = "web-02"
BIG = 20_000_000_000
PUSHED = 160_000_000
KEYS = r"   Ctrl-C stop, Ctrl-Z behind$"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("progress")
    with House(folder / "house", {"reserve_bytes": 1 << 20}) as house:
        house.start_shim(DEVICE)
        yield house


def drawn(s: Screen, name: str) -> list[int]:
    """The percents that were drawn, in their order."""
    return [int(n) for n in re.findall(rf"{name}  (\d+) %".encode(), s.raw)]


def test_a_getfile_says_how_far_it_is_at_most_four_times_a_second(
    house: House, tmp_path: Path
) -> None:
    big = tmp_path / "mem.dmp"
    with big.open("wb") as file:
        file.truncate(BIG)
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(rf"^{DEVICE} .*>$")
        began = time.monotonic()
        s.enter(f"getfile {big}")
        s.until(
            r"^mem\.dmp  \d+ %  \d+\.\d+ of 20\.0+ GB  [\d.]+ [kMG]B/s  (\d+ m )?\d+ s left" + KEYS
        )
        assert time.monotonic() - began >= 0.5
        s.until(lambda s: len(drawn(s, r"mem\.dmp")) >= 4)
        s.type("\x03")
        s.until(r"^cancelled: getfile stopped")
        assert len(drawn(s, r"mem\.dmp")) <= 4 * (time.monotonic() - began)
        assert drawn(s, r"mem\.dmp") == sorted(drawn(s, r"mem\.dmp"))
        assert " GB" not in s.text, "the line is gone before anything else is written"
        s.enter("exit")
        s.status(30)


def test_what_goes_into_a_file_says_how_far_it_is_and_may_be_put_behind(
    house: House, tmp_path: Path
) -> None:
    with (tmp_path / "mem.dmp").open("wb") as file:
        file.truncate(BIG)
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(rf"^{DEVICE} .*>$")
        s.enter(f"getfile {tmp_path}/mem.dmp > first")
        s.until(lambda s: len(drawn(s, r"mem\.dmp")) >= 2)
        s.type("\x03")
        s.until(r"^cancelled: getfile stopped on .*, #1$")
        s.enter(f"getfile {tmp_path}/mem.dmp > second")
        s.until(r"^mem\.dmp  \d+ %  \d+\.\d+ of 20\.0+ GB  .* left" + KEYS)
        s.type("\x1a")
        s.until(r"^job 2 runs behind: fg 2, status 2, cancel 2$")
        s.until(rf"^{DEVICE} \[1 job\] .*>$")
        s.enter("cancel 2")
        s.until(r"^(job 2|second kept|nothing is kept as second).*$")
        s.enter("exit")
        s.status(30)


def test_a_putfile_says_what_the_device_has_acknowledged(house: House, tmp_path: Path) -> None:
    added = house.run("library add image.bin", stdin=bytes(PUSHED))
    assert added.status == 0, added.err
    place = tmp_path / "image.bin"
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(rf"^{DEVICE} .*>$")
        s.enter(f"putfile image.bin -path {place}")
        s.until(r"^image\.bin  \d+ %  \d+\.\d of 160\.0 MB  \d+ [kM]B/s  \d+ s left" + KEYS)
        s.until(rf"^{place} written: 160,000,000 bytes", 60)
        assert drawn(s, r"image\.bin") == sorted(drawn(s, r"image\.bin"))
        s.enter("exit")
        s.status(30)
    place.unlink()
    piped = house.run(f"on {DEVICE} putfile image.bin -path {place}")
    assert piped.status == 0, piped.err
    assert "%" not in piped.out + piped.err and "waiting" not in piped.out + piped.err
