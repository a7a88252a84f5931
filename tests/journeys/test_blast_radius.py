"""One person changes so many devices a day alone; an action on one more waits for a second one."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.rig import House

pytestmark = [pytest.mark.needs("ssh", "sftp"), pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20, "changed_devices_per_day": 1}
    with House(tmp_path_factory.mktemp("radius") / "h", limits) as house:
        for name in ("web-01", "web-02"):
            house.start_shim(name)
        house.enrol("db-01")  # never started: an action on it never begins
        added = house.run("library add fine.sh", stdin=b"#!/bin/sh\necho fine\n")
        assert added.status == 0, added.err
        assert house.run("on web-01 run fine.sh").status == 0
        yield house


def refused(ran: object, word: str) -> bool:
    said = f"{word} on web-02: you have changed 1 device within 24 h"
    return getattr(ran, "status", None) == 3 and said in str(getattr(ran, "err", ""))


def test_a_further_device_is_refused_by_every_way_in(house: House, tmp_path: Path) -> None:
    assert refused(house.run("on web-02 run fine.sh"), "run")
    assert refused(house.run("connect web-02", stdin=b"run fine.sh\n"), "run")
    assert refused(house.run("shell web-02", stdin=b"echo no\n"), "shell")
    (tmp_path / "file").write_text("no\n")
    place = tmp_path / "written"
    batch = f"put {tmp_path / 'file'} /devices/web-02/root{place}\n"
    sftp = subprocess.run(
        ["sftp", "-F", str(house.state / "ssh_config"), "-b", "-", "fireline"],
        input=batch, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert sftp.returncode != 0 and "you have changed 1 device" in sftp.stderr
    assert not place.exists()


def test_reading_and_the_same_device_again_are_not_bounded(house: House) -> None:
    assert house.run("on web-02 dir /").status == 0
    assert house.run("on web-* dir /").status == 0
    assert house.run("on web-01 run fine.sh").status == 0


def test_a_selector_over_the_number_is_refused_before_the_first_device(house: House) -> None:
    before = house.started()
    ran = house.run("on web-* run fine.sh -devices 2")
    assert ran.status == 3 and "that needs them by name, by commas, and a second person" in ran.err
    ran = house.run("on web-01,web-02 run fine.sh -devices 2")
    assert ran.status == 3 and "another person can do some" in ran.err
    assert house.started() == before


def test_an_action_over_the_number_waits_for_a_second_person(house: House) -> None:
    ran = house.run("on db-01 isolate -comment INC-1")
    assert ran.status == 0 and "waits for a second person: approve A" in ran.err + ran.out
    assert house.run("on isolated dir /").status == 4
    assert house.run("cancel A1").status == 0


def test_a_restart_of_the_broker_forgets_nothing(house: House) -> None:
    house.kill_broker()
    before = len(house.records())
    house.start_broker()
    house.wait_online("web-02", before)
    assert refused(house.run("on web-02 run fine.sh"), "run")
