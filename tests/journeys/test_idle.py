"""A session in which nothing is typed: warned twice, then ended; what runs counts as activity."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh", "sftp"), pytest.mark.timeout(120)]

DEVICE = "idle-01"
IDLE_S, WARN_S, LAST_S = 5.0, 4.0, 2.0
WAITER = '#!/bin/sh\necho begun > "$1.begun"\nwhile [ ! -e "$1.end" ]; do sleep 0.05; done\n'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {
        "reserve_bytes": 1 << 20, "left_open_s": 1,
        "idle_s": IDLE_S, "idle_warn_s": WARN_S, "idle_last_warn_s": LAST_S,
    }  # fmt: skip
    with House(tmp_path_factory.mktemp("idle") / "house", limits) as house:
        assert house.run("library add waiter.sh", stdin=WAITER.encode()).status == 0
        house.start_shim(DEVICE)
        yield house


@dataclass
class Transfer:
    """A get by SFTP, so slow that it takes longer than a session may be idle."""

    client: "subprocess.Popen[bytes]"
    began: float
    source: Path
    target: Path
    took: float = 0.0


@pytest.fixture(scope="module", autouse=True)
def transfer(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transfer]:
    """It runs beside the other tests."""
    folder = tmp_path_factory.mktemp("transfer")
    source, target = folder / "source", folder / "got"
    source.write_bytes(bytes(2 << 20))
    argv = ["sftp", "-F", str(house.state / "ssh_config"), "-l", "2000", "-b", "-", "fireline"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as client:
        assert client.stdin is not None
        with client.stdin as lines:
            lines.write(f"get /devices/{DEVICE}/root{source} {target}\n".encode())
        until("it has begun", target.exists)
        transfer = Transfer(client, time.monotonic(), source, target)
        ends = threading.Thread(target=_timed, args=(transfer,))
        ends.start()
        yield transfer
        client.kill()
        ends.join()


def _timed(transfer: Transfer) -> None:
    transfer.client.wait()
    transfer.took = time.monotonic() - transfer.began


def console(house: House) -> Screen:
    s = Screen(house.ssh("", "-tt")[:-1], columns=120)
    s.until(r"^fireline>$")
    s.enter(f"connect {DEVICE}")
    s.until(at_prompt)
    return s


def at_prompt(s: Screen) -> bool:
    return bool(re.match(rf"{DEVICE} .*>$", s.lines[s.screen.cursor.y]))


def ended(house: House) -> list[str]:
    return [str(r["reason"]) for r in house.of_kind("session_ended", session_of(house))]


def session_of(house: House) -> str:
    begun = [s for s in house.of_kind("session_begun") if s["device"] == DEVICE]
    return str(begun[-1]["session"])


def test_at_the_prompt_it_is_told_twice_and_ended_with_its_reason(house: House) -> None:
    with console(house) as s:
        session = session_of(house)
        s.until(r"^session ends in [34] s: nothing was typed for a while$")
        s.until(r"^session ends in [12] s: nothing was typed for a while$")
        s.until(rf"^{session} has ended: idle$")
        s.until(r"^fireline>$")
    assert ended(house) == ["idle"]


def test_a_key_begins_the_time_anew_and_a_shell_is_told_too(house: House) -> None:
    with console(house) as s:
        session = session_of(house)
        s.enter("shell")
        s.until(lambda s: bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y])))
        s.until(r"session ends in [34] s: nothing was typed for a while$")
        began = time.monotonic()
        s.type("x")
        s.until(r"session ends in [12] s: nothing was typed for a while$")
        s.until(rf"^{session} has ended: idle$")
        assert time.monotonic() - began > IDLE_S - 0.5
    until("nothing is left on the device", lambda: not house.shims[DEVICE].left())


def test_what_runs_behind_is_activity_and_its_end_begins_the_time(
    house: House, tmp_path: Path
) -> None:
    mark = tmp_path / "w"
    with console(house) as s:
        s.enter(f"run waiter.sh -arg {mark} &")
        s.until(r"^job \d+ runs behind")
        until("it has begun", lambda: Path(f"{mark}.begun").exists())
        began = time.monotonic()
        until("longer than idle", lambda: time.monotonic() - began > IDLE_S + 1)
        assert not ended(house)
        s.read()
        assert "session ends in" not in s.all_text
        Path(f"{mark}.end").touch()
        s.until(r"^job \d+ completed: run on ")
        s.until(r"^session ends in [12] s: ")
        s.enter("pwd")  # and it goes on
        s.until(r"^/$")
        s.enter("exit")
        s.until(r"^fireline>$")
    assert ended(house) == ["exit"]


def test_a_transfer_by_sftp_is_activity_as_long_as_it_takes(transfer: Transfer) -> None:
    assert transfer.client.wait(90) == 0
    until("its end is noted", lambda: transfer.took)
    assert transfer.took > IDLE_S + 1, "it was too quick to tell"
    assert transfer.target.read_bytes() == transfer.source.read_bytes()
