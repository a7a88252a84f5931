"""A device's line that breaks in the middle of what runs, and a device whose clock is wrong."""

import hashlib
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.audit.chunks import Kind
from tests.journeys.proxy import Proxy
from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "broken-01"
SIZE = 96 << 20
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
    path.write_bytes(random.Random(4).randbytes(1 << 20) * (SIZE >> 20))
    return path


def cut_after(line: Proxy, size: int, *, stay_down: bool = False) -> None:
    """Cuts the line once, when so many more bytes have come from the device."""
    end = line.passed + size

    def look(passed: int) -> None:
        if passed >= end:
            line.on_bytes = lambda _: None
            line.cut(stay_down=stay_down)

    line.on_bytes = look


def last_session(house: House) -> str:
    begun = [s for s in house.of_kind("session_begun") if s["device"] == DEVICE]
    return str(begun[-1]["session"])


def test_getfile_goes_on_at_the_byte_where_its_stream_broke(
    house: House, line: Proxy, big: Path
) -> None:
    before, accepted = line.passed, line.accepted
    cut_after(line, SIZE // 3)
    ran = house.run(f"on {DEVICE} getfile {big}")
    digest = hashlib.sha256(big.read_bytes()).hexdigest()
    assert ran.status == 0, ran
    assert f"sha256 {digest}" in ran.out + ran.err and "same digest" in ran.out + ran.err
    session = last_session(house)
    kept = house.home / "evidence" / session / "big"
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == digest
    assert line.accepted >= accepted + 2, "the stream was not dialled again"
    assert line.passed - before < SIZE * 1.1, "it began anew"
    (end,) = house.of_kind("ended", session)
    assert end["state"] == "completed"
    assert not [r for r in house.of_kind("violation") if r["name"] == DEVICE]


def test_getfile_goes_on_where_only_the_device_knows_that_the_line_broke(
    house: House, line: Proxy, big: Path
) -> None:
    end = line.passed + SIZE // 3

    def look(passed: int) -> None:
        if passed >= end:
            line.on_bytes = lambda _: None
            line.cut_device()

    line.on_bytes = look
    ran = house.run(f"on {DEVICE} getfile {big}")
    assert ran.status == 0 and "same digest" in ran.out + ran.err, ran
    until("the device is online", lambda: house.online(DEVICE), 30)
    assert not [r for r in house.of_kind("violation") if r["name"] == DEVICE]


def test_rows_and_output_come_whole_over_a_break(house: House, line: Proxy, tmp_path: Path) -> None:
    lines = "".join(f"{n}\n" for n in range(400_000))
    (tmp_path / "many").write_text(lines[: 1 << 20])
    cut_after(line, 300_000)
    ran = house.run(f"on {DEVICE} cat -raw {tmp_path}/many")
    assert ran.status == 0, ran.err
    assert ran.out.startswith(lines[: 1 << 20])


def test_a_stream_that_stays_away_is_interrupted_and_its_part_kept(
    house: House, line: Proxy, big: Path
) -> None:
    cut_after(line, SIZE // 3, stay_down=True)
    began = time.monotonic()
    ran = house.run(f"on {DEVICE} getfile {big}")
    took = time.monotonic() - began
    line.mend()
    assert ran.status == 1
    assert re.search(r"^failed: getfile on broken-01 was interrupted: ", ran.err, re.M), ran.err
    assert took < AWAY_S + 25, took
    session = last_session(house)
    (end,) = house.of_kind("ended", session)
    assert (end["state"], end["files"]) == ("interrupted", [])
    (part,) = house.of_kind("evidence_partial", session)
    kept = house.home / "evidence" / session / part["name"]
    assert part["name"] == "big.partial" and kept.stat().st_size == part["bytes"] > 1 << 20
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == part["sha256"]
    assert kept.read_bytes() == big.read_bytes()[: part["bytes"]]
    house_shim = house.shims[DEVICE]
    until("the device is back", lambda: house.online(DEVICE), 30)
    until("nothing is left on the device", lambda: not house_shim.left(), 20)


def test_a_terminal_says_that_it_was_away_and_goes_on(house: House, line: Proxy) -> None:
    until("the device is online", lambda: house.online(DEVICE), 30)
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        s.until(rf"^{DEVICE} .*>$")
        s.enter("shell")
        s.until(lambda s: bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y])))
        s.enter("i=0; while [ $i -lt 200 ]; do echo tick-$i; i=$((i+1)); sleep 0.01; done")
        s.until(r"^tick-50$")
        line.cut()
        s.until(r"^tick-199$", 20)
        shown = re.findall(r"^tick-(\d+)$", s.all_text, re.MULTILINE)
        assert [int(n) for n in shown] == list(range(200)), "nothing is lost, nothing doubled"
        s.enter("exit")
        s.until(rf"^{DEVICE} .*>$")
        s.enter("exit")
        s.status(30)
    recorded = house.recorded(last_session(house), Kind.GAP)
    assert recorded
