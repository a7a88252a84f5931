"""A client that is killed: its session waits with shell and jobs, or, of an exec, ends at once."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from server.audit.chunks import Kind, Reader
from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "left-01"
WAITER = """\
#!/bin/sh
echo $$ > "$1.pid"
setsid sleep 3000 >/dev/null 2>&1 &
echo $! > "$1.child"
while [ ! -e "$1.end" ]; do sleep 0.02; done
echo whole
"""
TICKS = "i=0; while [ ! -e {end} ]; do echo tick-$i; i=$((i+1)); sleep 0.02; done"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20, "left_open_s": 30}
    with House(tmp_path_factory.mktemp("left") / "house", limits) as house:
        assert house.run("library add waiter.sh", stdin=WAITER.encode()).status == 0
        house.start_shim(DEVICE)
        yield house


def console(house: House, *first: str) -> Screen:
    argv = house.ssh(first[0] if first else "", "-tt")
    return Screen(argv if first else argv[:-1], columns=140)


def at_prompt(s: Screen) -> bool:
    return bool(re.match(rf"{DEVICE} .*>$", s.lines[s.screen.cursor.y]))


def in_shell(s: Screen) -> bool:
    return bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y]))


def kill(s: Screen) -> None:
    """kill -9 of the person's ssh client."""
    os.kill(s.pid, signal.SIGKILL)
    while s.read():
        pass


def test_a_killed_client_loses_nothing_of_its_session(house: House, tmp_path: Path) -> None:
    place, end = tmp_path / "job", tmp_path / "stop"
    with console(house, f"connect {DEVICE}") as s:
        s.until(at_prompt)
        session = house.sessions()[-1]
        s.enter(f"run waiter.sh {place} &")
        s.until(r"^job 1 runs behind")
        s.enter("shell")
        s.until(in_shell)
        s.enter(TICKS.format(end=end))
        s.until(r"^tick-20$")
        kill(s)
    until("it is left open", lambda: house.of_kind("detached", session))
    pid = int(place.with_suffix(".pid").read_text())
    assert psutil.pid_exists(pid)
    seen = house.recorded(session).count(b"tick-")
    until("the shell goes on", lambda: house.recorded(session).count(b"tick-") > seen + 20)
    place.with_suffix(".end").touch()
    until("the job has ended", lambda: house.of_kind("ended", session))
    with console(house) as s:
        s.until(
            rf"^{session} {DEVICE} waits for you, 1 job running, left \d+ s ago: attach {session}$"
        )
        s.until(r"^fireline>$")
        s.enter(f"attach {session}")
        s.until(rf"^{session} {DEVICE}, away \d+ s:$")
        s.until(r"^  \d\d:\d\d:\d\dZ  job 1 completed: run on left-01, ")
        s.until(at_prompt)
        s.enter("status 1")
        s.until(r"^whole$")
        s.until(at_prompt)
        s.enter("fg 2")
        s.until(r"^tick-(\d+)$")
        end.touch()
        s.until(in_shell)
        ticks = [int(n) for n in re.findall(r"^tick-(\d+)$", s.all_text, re.MULTILINE)]
        assert ticks == list(range(ticks[0], ticks[-1] + 1)) and len(ticks) > 40
        s.enter("exit")
        s.until(at_prompt)
        s.enter("exit")
        s.until(r"^fireline>$")
        s.type("\x04")
        assert s.status() == 0
    assert _kinds(house, session) >= {Kind.AWAY, Kind.BACK}
    (attached,) = house.of_kind("attached", session)
    assert attached["by"] == "alice"
    shim = house.shims[DEVICE]
    until("nothing is left on the device", lambda: not shim.left(), 20)


def _kinds(house: House, session: str) -> set[Kind]:
    return {chunk.kind for chunk in Reader(house.home / "recordings" / f"{session}.rec")}


def left_in_front(house: House, line: str, begun: Callable[[Screen], object]) -> str:
    """The session whose client was killed while the line ran in front."""
    with console(house, f"connect {DEVICE}") as s:
        s.until(at_prompt)
        session = house.sessions()[-1]
        s.enter(line)
        begun(s)
        kill(s)
    until("it is left open", lambda: house.of_kind("detached", session))
    return session


def back_in(s: Screen, session: str) -> None:
    s.until(r"^fireline>$")
    s.enter(f"attach {session}")
    s.until(rf"^{session} {DEVICE}, away \d+ s")


def test_what_ran_in_front_is_a_job_of_who_comes_back(house: House, tmp_path: Path) -> None:
    place = tmp_path / "front"
    runs = place.with_suffix(".child")
    session = left_in_front(
        house, f"run waiter.sh {place}", lambda s: until("it runs", lambda: runs.exists())
    )
    with console(house) as s:
        back_in(s, session)
        s.until(rf"^{DEVICE} \[1 job\] />$")
        place.with_suffix(".end").touch()
        s.until(rf"^job 1 completed: run on {DEVICE}, \d+\.\d s; status 1 shows it$")
        s.type("\x04")
        s.until(r"^fireline>$")
        s.type("\x04")
        assert s.status() == 0


def test_what_ended_while_its_person_was_away_is_told_with_its_time(
    house: House, tmp_path: Path
) -> None:
    place = tmp_path / "away"
    runs = place.with_suffix(".child")
    session = left_in_front(
        house, f"run waiter.sh {place}", lambda s: until("it runs", lambda: runs.exists())
    )
    place.with_suffix(".end").touch()
    until("it has ended", lambda: house.of_kind("ended", session))
    with console(house) as s:
        back_in(s, session)
        s.until(rf"^  \d\d:\d\d:\d\dZ  job 1 completed: run on {DEVICE}, \d+\.\d s; status 1 ")
        s.until(rf"^{DEVICE} />$")
        s.enter("exit")
        s.until(r"^fireline>$")
        s.type("\x04")
        assert s.status() == 0


def test_a_shell_that_was_left_in_front_ends_by_exit_and_says_so(house: House) -> None:
    session = left_in_front(house, "shell", lambda s: s.until(in_shell))
    with console(house) as s:
        back_in(s, session)
        s.until(rf"^{DEVICE} \[1 job\] />$")
        s.enter("exit")
        s.until(
            rf"^job 1 cancelled: shell stopped on {DEVICE} by its session's end \(exit\), "
            rf".*\n{session} on {DEVICE} has ended$"
        )
        s.type("\x04")
        assert s.status() == 0
    (ended,) = house.of_kind("session_ended", session)
    assert ended["reason"] == "exit"


def test_nobody_else_may_attach_it(house: House) -> None:
    with console(house, f"connect {DEVICE}") as s:
        s.until(at_prompt)
        session = house.sessions()[-1]
        kill(s)
    until("it is left open", lambda: house.of_kind("detached", session))
    argv = house.ssh("", "-tt", host="fireline-basic")[:-1]
    with Screen(argv, columns=140) as s:
        s.until(r"^fireline>$")
        assert session not in s.text or "waits for you" not in s.text
        s.enter(f"attach {session}")
        s.until(rf"^refused: {session} is alice's: attach {session} -watch")
        s.type("\x04")
        s.status()
    with console(house) as s:
        s.until(r"^fireline>$")
        s.enter(f"attach {session}")
        s.until(at_prompt)
        s.type("\x04\x04")
        s.status(30)


def test_an_exec_whose_client_is_killed_is_cancelled_with_all_it_started(
    house: House, tmp_path: Path
) -> None:
    place = tmp_path / "exec"
    client = subprocess.Popen(
        house.ssh(f"on {DEVICE} run waiter.sh {place}"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    child = place.with_suffix(".child")
    until("the script runs", lambda: child.exists() and child.read_text().strip())
    pids = [int(p.read_text()) for p in (place.with_suffix(".pid"), child)]
    client.kill()
    client.wait()
    until("both are gone", lambda: not any(psutil.pid_exists(pid) for pid in pids), 10)
    session = next(
        s["session"] for s in reversed(house.of_kind("session_begun")) if s["device"] == DEVICE
    )
    until("its session has ended", lambda: house.of_kind("session_ended", session), 10)
    (ended,) = house.of_kind("ended", session)
    assert ended["state"] == "cancelled", ended
    shim = house.shims[DEVICE]
    until("nothing is left on the device", lambda: not shim.left(), 10)


def test_a_shell_that_its_session_ends_leaves_no_gap_in_the_recording(house: House) -> None:
    with console(house, f"connect {DEVICE}") as s:
        s.until(at_prompt)
        session = house.sessions()[-1]
        s.enter("shell")
        s.until(in_shell)
        s.type("\x1d")
        s.until(rf"^{DEVICE} \[1 job\] />$")
        s.enter("exit")
        s.until(r"^job 1 cancelled: shell stopped")
        s.status()
    until("it is sealed", lambda: house.of_kind("session_ended", session))
    assert Kind.GAP not in _kinds(house, session)
