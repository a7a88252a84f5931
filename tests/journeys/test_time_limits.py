"""Limits of time and size as settings: each is reached, and says so by its own number."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.rig import House
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "brief-01"
LIMITS = {
    "reserve_bytes": 1 << 20,
    "command_s": 0.0001,
    "long_command_s": 4,
    "idle_s": 4,
    "fileinfo_bytes": 1000,
    "library_bytes": 2000,
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("brief") / "house", LIMITS) as house:
        house.start_shim(DEVICE)
        yield house


def test_a_command_ends_after_its_time(house: House) -> None:
    ran = house.run(f"on {DEVICE} processes")
    assert ran.status == 124
    assert re.search(
        rf"^timed out: processes on {DEVICE} was ended after its limit of 0\.0001 s", ran.err
    ), ran.err


def test_a_long_command_has_a_time_of_its_own_and_leaves_nothing(
    house: House, tmp_path: Path
) -> None:
    script = f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n"
    assert house.run("library add sleep.sh", stdin=script.encode()).status == 0
    ran = house.run(f"on {DEVICE} run sleep.sh")
    assert ran.status == 124, ran
    assert f"timed out: run on {DEVICE} was ended after its limit of 4 s" in ran.err
    pid = (tmp_path / "pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()


def test_help_says_the_times_that_are_set(house: House) -> None:
    assert "basic, 0.0001 s" in house.run("help processes").out
    assert "advanced, 4 s" in house.run("help run").out


def test_an_idle_session_ends_with_the_reason(house: House) -> None:
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(rf"^{DEVICE} .*>$")
        session = re.findall(r"open as (S\d+)", s.text)[0]
        s.until(rf"^{session} has ended: idle$", 30)
        assert s.status() == 3
    (ended,) = house.of_kind("session_ended", session)
    assert ended["reason"] == "idle"


def test_fileinfo_reads_no_more_than_it_may(house: House, tmp_path: Path) -> None:
    for name, size in (("small", 1000), ("large", 1001)):
        (tmp_path / name).write_bytes(b"x" * size)
    assert house.run(f"on {DEVICE} fileinfo {tmp_path}/small").status == 0
    ran = house.run(f"on {DEVICE} fileinfo {tmp_path}/large")
    assert ran.status == 3
    assert "/large is 1,001 bytes, fileinfo reads at most 1,000" in ran.err


def test_a_library_file_over_its_limit_is_refused_and_leaves_nothing(house: House) -> None:
    before = sorted((house.home / "library").iterdir())
    assert house.run("library add fits.txt", stdin=b"x" * 2000).status == 0
    ran = house.run("library add large.txt", stdin=b"x" * 2001)
    assert ran.status == 3 and "the file is over the library's 2,000 bytes" in ran.err
    assert len(list((house.home / "library").iterdir())) == len(before) + 1
    rows = house.rows("quota")
    assert {"limit": "a library file", "allowed": 2000}.items() <= next(
        row for row in rows if row["setting"] == "library_bytes"
    ).items()
