"""One command on a whole fleet: each answers once, in bounded memory, and others work meanwhile."""

import asyncio
import json
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.journeys import fleet
from tests.journeys.fleet_house import PROCESSES, Fleet
from tests.journeys.rig import House, until

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(600)]

SIZES = [40, pytest.param(1000, marks=pytest.mark.soak)]
GROWN_KIB = 64 << 10
LOGIN_S = 10.0


@pytest.fixture(scope="module", params=SIZES)
def devices(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    limits = {"reserve_bytes": 1 << 20, "devices_at_once": 20}
    limits |= {"changed_devices_per_day": 1000, "changed_devices_per_minute": 1000}
    house = House(folder / "house", limits)
    house.make()
    asyncio.run(fleet.make(house.home, folder / "fleet", request.param))
    house.start_broker()
    devices = Fleet(house, folder / "fleet", request.param)
    try:
        devices.start()
        until("all are online", lambda: devices.lines() >= request.param, 180)
        yield devices
    finally:
        devices.stop()
        house.__exit__()


def test_each_answers_once_and_a_login_meanwhile_does_not_wait(devices: Fleet) -> None:
    house, before = devices.house, devices.house.broker_kib()
    slowest, over = [0.0], threading.Event()

    def log_in() -> None:
        while not over.is_set():
            began = time.monotonic()
            assert house.run("help").status == 0
            slowest.append(time.monotonic() - began)

    person = threading.Thread(target=log_in)
    person.start()
    try:
        for _ in range(3):
            ran = house.run("on all processes -output json", limit=300)
            assert ran.status == 0, ran.err[:1000]
            names = [row["device"] for row in json.loads(ran.out)]
            assert sorted(names) == [fleet.name_of(number) for number in range(devices.count)]
    finally:
        over.set()
        person.join()
    assert max(slowest) < LOGIN_S
    assert house.broker_kib() - before < GROWN_KIB
    assert not house.of_kind("violation")
    until("all sessions have ended", lambda: _open(house) == 0)


def test_what_all_are_to_be_is_said_to_all_before_the_first_has_answered(devices: Fleet) -> None:
    house, count = devices.house, devices.count

    def in_state(state: str) -> int:
        listed = house.run(f"actions -type isolate -state {state} -output json")
        return len(json.loads(listed.out))

    devices.pause()
    try:
        line = f"on all isolate -devices {count} -yes -comment INC-1"
        client = subprocess.Popen(house.ssh(line), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        at_once = min(count, 500)
        until("all are asked", lambda: in_state("inprogress") == at_once, 60)
    finally:
        devices.go_on()
    _, err = client.communicate(timeout=300)
    assert client.returncode == 0, err
    assert in_state("succeeded") == count
    assert err.count(b"broker reached anew") == count


def test_devices_that_die_under_it_are_told_and_the_rest_answers(devices: Fleet) -> None:
    house = devices.house
    client = subprocess.Popen(
        house.ssh("on all processes -output json"),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    began = len(house.sessions())
    until("some have begun", lambda: len(house.sessions()) > began)
    devices.kill_one()
    out, err = client.communicate(timeout=300)
    rows = [row["device"] for row in json.loads(out)]
    failed = [json.loads(line)["error"]["device"] for line in err.decode().splitlines()]
    assert len(set(rows)) == len(rows) >= devices.count - devices.count // PROCESSES
    assert sorted({*rows, *failed}) == [fleet.name_of(n) for n in range(devices.count)]
    assert (client.returncode != 0) == bool(failed)
    until("all sessions have ended", lambda: _open(house) == 0, 120)


def _open(house: House) -> int:
    return len(house.of_kind("session_begun")) - len(house.of_kind("session_sealed"))
