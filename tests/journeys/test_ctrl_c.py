"""Ctrl-C, `cancel` and limits, each answer as a person sees it; what is left on the device."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.journeys.rig import House, Shim, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "stop-01"
WAITER = """\
#!/bin/sh
echo begun
echo $$ > "$1.pid"
while [ ! -e "$1.end" ]; do sleep 0.02; done
echo whole
"""
DEAF = """\
#!/bin/sh
trap '' INT TERM
echo $$ > "$1.pid"
while :; do sleep 0.05; done
"""
POLITE = """\
#!/bin/sh
trap 'sleep 0.3; echo cleaned > "$1.clean"; exit 3' INT
echo $$ > "$1.pid"
while :; do sleep 0.05; done
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20, "left_open_s": 1}
    with House(tmp_path_factory.mktemp("stop") / "house", limits) as house:
        for name, text in (("waiter.sh", WAITER), ("deaf.sh", DEAF), ("polite.sh", POLITE)):
            assert house.run(f"library add {name}", stdin=text.encode()).status == 0
        house.start_shim(DEVICE)
        yield house


@pytest.fixture
def shim(house: House) -> Iterator[Shim]:
    """The device; whatever was stopped of it goes on after the test."""
    shim = house.shims[DEVICE]
    yield shim
    send(shim, signal.SIGCONT)
    until("nothing is left on the device", lambda: not shim.left(), 20)


def send(shim: Shim, number: int, *, workers: bool = True) -> None:
    processes = [*(shim.workers() if workers else []), shim.supervisor]
    for process in processes:
        os.kill(process.pid, number)


def console(house: House) -> Screen:
    return Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=200)


def at_prompt(s: Screen) -> bool:
    return bool(re.match(rf"{DEVICE} .*>$", s.lines[s.screen.cursor.y]))


def leave(s: Screen) -> None:
    s.until(at_prompt)
    s.enter("exit")
    s.status(30)


def begun(place: Path) -> int:
    """The pid of the script that runs with this argument, once it does."""
    pid = place.with_suffix(".pid")
    until("the script runs", lambda: pid.exists() and pid.read_text().strip())
    return int(pid.read_text())


def test_what_had_not_started_never_starts(house: House, shim: Shim, tmp_path: Path) -> None:
    place = tmp_path / "never"
    send(shim, signal.SIGSTOP)
    with console(house) as s:
        s.until(at_prompt)
        s.enter(f"run waiter.sh {place}")
        s.until(rf"^waiting for {DEVICE}, \d s   Ctrl-C stop$")
        s.type("\x03")
        s.until(rf"^cancelled: run had not started on {DEVICE}; nothing ran, #1$", 3)
        s.until(at_prompt)
        send(shim, signal.SIGCONT)
        s.enter("processes -name no-such-program")
        s.until(r"^0 rows, .*#2")
        leave(s)
    assert not place.with_suffix(".pid").exists()


def test_what_runs_is_stopped_with_all_it_started(house: House, shim: Shim, tmp_path: Path) -> None:
    place = tmp_path / "runs"
    with console(house) as s:
        s.until(at_prompt)
        s.enter(f"run waiter.sh {place}")
        s.until(r"^begun$")
        pid = begun(place)
        s.type("\x03")
        s.until(rf"^\^C stopping on {DEVICE}$")
        s.until(
            rf"^cancelled: run stopped on {DEVICE} while running, "
            r"\d+ s; [\d,]+ bytes? kept, #1$"
        )
        until("the script is gone", lambda: not psutil.pid_exists(pid), 3)
        leave(s)


def test_what_had_finished_was_too_late_to_stop(house: House, shim: Shim, tmp_path: Path) -> None:
    place = tmp_path / "late"
    with console(house) as s:
        s.until(at_prompt)
        s.enter(f"run waiter.sh {place}")
        begun(place)
        send(shim, signal.SIGSTOP, workers=False)  # who passes the cancel on
        s.type("\x03")
        s.until(rf"^\^C stopping on {DEVICE}$")
        place.with_suffix(".end").touch()
        s.until(r"^whole$")
        s.until(r"^run was too late to stop: it had finished, [\d,]+ bytes?, complete, #1$")
        s.until(at_prompt)
        send(shim, signal.SIGCONT)
        s.enter("cancel 1")
        s.until(lambda s: s.text.count("run was too late to stop") == 2)
        s.until(at_prompt)
        s.enter("dir /no-such")
        s.until(rf"^failed: dir on {DEVICE}: /no-such does not exist, ")
        leave(s)


def test_where_the_device_does_not_answer_the_stop_goes_out_when_it_is_back(
    house: House, shim: Shim, tmp_path: Path
) -> None:
    place = tmp_path / "unknown"
    with console(house) as s:
        s.until(at_prompt)
        s.enter(f"run waiter.sh {place}")
        pid = begun(place)
        send(shim, signal.SIGSTOP)
        s.type("\x03")
        s.until(
            rf"^unreachable: {DEVICE} does not answer; the stop goes out when it is back, job 1$",
            12,
        )
        s.until(lambda s: "[1 job]" in s.lines[s.screen.cursor.y])
        assert psutil.pid_exists(pid)
        send(shim, signal.SIGCONT)
        s.until(
            rf"^job 1 cancelled: run stopped on {DEVICE} while running, "
            r"\d+ s; [\d,]+ bytes? kept, #1"
        )
        until("the script is gone", lambda: not psutil.pid_exists(pid), 3)
        leave(s)


def test_a_second_control_c_stops_the_waiting_only(
    house: House, shim: Shim, tmp_path: Path
) -> None:
    place = tmp_path / "twice"
    with console(house) as s:
        s.until(at_prompt)
        s.enter(f"run polite.sh -grace 5 {place}")
        begun(place)
        send(shim, signal.SIGSTOP)
        s.type("\x03")
        s.until(rf"^\^C stopping on {DEVICE}$")
        s.type("\x03")
        s.until(r"^no longer waiting; job 1 may still run$", 15)
        s.until(lambda s: "[1 job]" in s.lines[s.screen.cursor.y])
        send(shim, signal.SIGCONT)
        s.until(rf"^job 1 cancelled: run stopped on {DEVICE} while running, ")
        assert place.with_suffix(".clean").read_text() == "cleaned\n"
        leave(s)


def test_cancel_of_a_job_behind_says_what_became_of_it(
    house: House, shim: Shim, tmp_path: Path
) -> None:
    place = tmp_path / "behind"
    with console(house) as s:
        s.until(at_prompt)
        s.enter(f"run waiter.sh {place} &")
        s.until(r"^job 1 runs behind: fg 1, status 1, cancel 1$")
        pid = begun(place)
        s.enter("cancel 1")
        s.until(
            rf"^cancelled: run stopped on {DEVICE} while running, "
            r"\d+ s; [\d,]+ bytes? kept, #1$"
        )
        until("the script is gone", lambda: not psutil.pid_exists(pid), 3)
        s.until(at_prompt)
        s.enter("cancel 7")
        s.until(r"^failed: no command #7 in this session; log lists them, ")
        assert "job 1 cancelled" not in s.all_text  # whoever waited for its end was told already
        leave(s)


def test_a_timeout_of_its_own_ends_a_script_that_is_deaf(
    house: House, shim: Shim, tmp_path: Path
) -> None:
    place = tmp_path / "deaf"
    began = time.monotonic()
    ran = house.run(f"on {DEVICE} run -timeout 0.5 -grace 0.5 deaf.sh {place}")
    assert time.monotonic() - began < 6
    assert ran.status == 124, ran
    said = "deaf.sh did not end when asked after 0.5 s; it was killed 0.5 s later"
    assert f"timed out: run on {DEVICE}: {said}, with all it had started" in ran.err
    assert not psutil.pid_exists(begun(place))


def test_within_its_grace_a_script_may_clean_up(house: House, shim: Shim, tmp_path: Path) -> None:
    place = tmp_path / "polite"
    ran = house.run(f"on {DEVICE} run -timeout 0.5 -grace 5 polite.sh {place}")
    assert ran.status == 124, ran
    assert place.with_suffix(".clean").read_text() == "cleaned\n"
