"""A device's line that breaks under a copy to it: nothing lost or doubled, or nothing there."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.proxy import Proxy
from tests.journeys.rig import House, until

pytestmark = [pytest.mark.needs("ssh", "scp"), pytest.mark.timeout(120)]

DEVICE = "broken-02"
SIZE = 48 << 20
AWAY_S = 3


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20, "left_open_s": 1, "stream_away_s": AWAY_S}
    with House(tmp_path_factory.mktemp("broken") / "house", limits) as house:
        yield house


@pytest.fixture(scope="module")
def line(house: House) -> Iterator[Proxy]:
    """The device, which reaches its broker through this line alone."""
    shim = house.enrol(DEVICE)
    place = shim.state / "identity.json"
    identity = json.loads(place.read_text())
    (host, port), *_ = [dial.rsplit(":", 1) for dial in identity["dial"]]
    with Proxy(int(port)) as proxy:
        identity["dial"] = [f"{host}:{proxy.port}"]
        place.write_text(json.dumps(identity))
        house.start_shim(DEVICE)
        yield proxy


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "big"
    path.write_bytes(os.urandom(SIZE))
    return path


def cut_after(line: Proxy, size: int, *, stay_down: bool = False) -> None:
    """Cuts the line once, when so many more bytes have gone to the device."""
    end = line.sent + size

    def look(sent: int) -> None:
        if sent >= end:
            line.on_sent = lambda _: None
            line.cut(stay_down=stay_down)

    line.on_sent = look


def put(house: House, big: Path, there: Path) -> "subprocess.CompletedProcess[str]":
    to = f"fireline:/devices/{DEVICE}/root{there}"
    argv = ["scp", "-F", str(house.state / "ssh_config"), str(big), to]
    return subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False)


def ended(house: House) -> list[dict[str, object]]:
    session = [s for s in house.of_kind("session_begun") if s["device"] == DEVICE][-1]["session"]
    return house.of_kind("change_ended", str(session))


def test_a_copy_goes_on_where_its_stream_broke(
    house: House, line: Proxy, big: Path, tmp_path: Path
) -> None:
    accepted = line.accepted
    cut_after(line, SIZE // 3)
    ran = put(house, big, tmp_path / "new")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert line.accepted > accepted + 1  # it was dialled anew
    assert (tmp_path / "new").read_bytes() == big.read_bytes()
    (end,) = ended(house)
    assert (end["state"], end["bytes"]) == ("completed", SIZE)


def test_a_copy_whose_stream_does_not_come_back_leaves_nothing(
    house: House, line: Proxy, big: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    cut_after(line, SIZE // 3, stay_down=True)
    try:
        ran = put(house, big, there / "new")
        assert ran.returncode != 0
        assert "the stream did not come back" in ran.stderr
        until("its end is recorded", lambda: ended(house))
        assert ended(house)[0]["state"] == "interrupted"
    finally:
        before = len(house.records())
        line.mend()
    house.wait_online(DEVICE, before)
    until("nothing is left", lambda: os.listdir(there) == [])


def test_a_broker_killed_under_a_copy_leaves_nothing_and_says_unknown(
    house: House, line: Proxy, big: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    end = line.sent + SIZE // 3

    def look(sent: int) -> None:
        if sent >= end:
            line.on_sent = lambda _: None
            house.kill_broker()

    line.on_sent = look
    ran = put(house, big, there / "new")
    assert ran.returncode != 0
    before = len(house.records())
    house.start_broker()
    house.wait_online(DEVICE, before)
    (change,) = ended(house)
    assert change["state"] == "interrupted"
    assert str(change["message"]).endswith("outcome unknown")
    until("nothing is left", lambda: os.listdir(there) == [])
