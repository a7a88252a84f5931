"""The demo as a person starts it: real processes, stock clients, nothing left when it is over."""

import contextlib
import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.operator.demo_state import device_name
from tests.architecture.sources import ROOT
from tests.doors.rig import Ran
from tests.journeys.rig import until
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh", "sftp", "scp"), pytest.mark.xdist_group("demo")]
FIRELINE = Path(sys.executable).with_name("fireline")
HERE = device_name()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One state folder, with blanks in its name, for every start of this file."""
    state = tmp_path_factory.mktemp("new user") / "my demo"
    yield state
    said("down", state)
    assert running(state) == []


def said(what: str, state: Path, stdin: str | None = None) -> Ran:
    """`fireline demo`, to its end."""
    argv = [str(FIRELINE), "--state", str(state), "demo", what]
    ran = subprocess.run(argv, input=stdin or "", capture_output=True, text=True, timeout=60)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def running(state: Path) -> list[psutil.Process]:
    """Every process that serves from this folder; a client's or a test's words do not count."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if any(word.startswith(str(state)) for word in words) and "-m" in words:
                found.append(process)
    return found


def client(state: Path, program: str, *words: str, stdin: str = "") -> Ran:
    argv = [program, "-F", str(state / "ssh_config"), *words]
    ran = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_lines_on_standard_input_are_run_here_and_only_their_output_comes_out(state: Path) -> None:
    ran = said("run", state, f"processes -pid {os.getpid()} -output json\nexit\n")
    assert ran.status == 0, ran.err
    assert [row["pid"] for row in json.loads(ran.out)] == [os.getpid()]
    assert running(state) == []


def _loading() -> float:
    """How long this machine takes now to start a Python with the broker's largest library."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", "import asyncssh"], check=True)
    return time.monotonic() - began


@pytest.mark.alone
def test_the_exit_status_is_the_last_lines_and_a_second_start_takes_under_three_seconds(
    state: Path,
) -> None:
    took = []
    wrong = "cat /no/such/file"
    for lines, status in (([wrong, "pwd"], 0), ([wrong], 1), (["pwd", "frobnicate"], 2)):
        began = time.monotonic()
        ran = said("run", state, "\n".join([*lines, "exit"]) + "\n")
        took.append(time.monotonic() - began)
        assert ran.status == status, ran.err
    # Other tests may slow one of them; a slow machine slows all that a Python loads.
    assert min(took) < max(3.0, 8 * min(_loading() for _ in range(3)))
    assert running(state) == []


def test_make_gives_the_same_output_and_makes_every_failure_two(state: Path) -> None:
    argv = ["make", "-C", str(ROOT), "--no-print-directory", "demo", f"STATE={state}"]
    for line, status, out in (("pwd", 0, "/\n"), ("cat /no/such/file", 2, "")):
        ran = subprocess.run(
            argv, input=f"{line}\nexit\n", capture_output=True, text=True, timeout=100
        )
        assert (ran.returncode, ran.stdout) == (status, out), ran.stderr
    assert "Error 1" in ran.stderr
    assert running(state) == []


def test_up_serves_every_stock_client_on_loopback_alone_until_down(
    state: Path, tmp_path: Path
) -> None:
    up = said("up", state)
    assert (up.status, up.out) == (0, "")
    assert f"ssh -F '{state}/ssh_config' fireline" in up.err
    assert "up already" in said("up", state).err
    assert said("run", state, "pwd\nexit\n").out == "/\n"  # joins what is up, and leaves it

    rows = json.loads(client(state, "ssh", "fireline", "devices -output json").out)
    assert [(row["name"], row["online"]) for row in rows] == [(HERE, True)]
    there = tmp_path / "there.txt"
    there.write_text("live\n")
    assert client(state, "ssh", "fireline", f"on {HERE} cat {there}").out == "live\n"
    remote = f"/devices/{HERE}/root{there}"
    assert client(state, "scp", f"fireline:{remote}", str(tmp_path / "by-scp")).status == 0
    get = f"get {remote} {tmp_path / 'by-sftp'}\n"
    assert client(state, "sftp", "-q", "-b", "-", "fireline-basic", stdin=get).status == 0
    assert [(tmp_path / by).read_text() for by in ("by-scp", "by-sftp")] == ["live\n"] * 2

    refused = client(state, "ssh", "fireline-basic", f"on {HERE} run kill-tree.sh")
    assert refused.status == 3 and "needs advanced, you are basic" in refused.err
    sessions = client(state, "ssh", "fireline-auditor", "sessions -output json")
    assert {"alice", "bob"} <= {row["person"] for row in json.loads(sessions.out)}
    assert client(state, "ssh", "fireline-auditor", f"on {HERE} pwd").status == 3

    processes = running(state)
    assert len(processes) == 2
    listening = [
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening and set(listening) == {"127.0.0.1"}
    assert open_to_others(state) == []

    assert said("down", state).status == 0
    assert running(state) == []


def open_to_others(state: Path) -> list[str]:
    """Whatever is not 0600, or 0700 for a folder."""
    return [
        f"{path} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in [state, *state.rglob("*")]
        if stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]


def test_a_taken_port_is_said_and_another_one_works_for_people_and_the_device(state: Path) -> None:
    said("run", state, "exit\n")
    config = (state / "broker" / "fireline.toml").read_text()
    ports = [int(port) for port in re.findall(r"_port = (\d+)", config)]
    with contextlib.ExitStack() as held:
        for port in ports:
            held.enter_context(socket.create_server(("127.0.0.1", port)))
        ran = said("run", state, "pwd\nexit\n")
    assert (ran.status, ran.out) == (0, "/\n"), ran.err
    for port in ports:
        assert re.search(rf"^port {port} is taken; \d+ is used instead$", ran.err, re.MULTILINE)


def test_leaving_the_console_in_a_real_terminal_stops_everything(state: Path) -> None:
    argv = [str(FIRELINE), "--state", str(state), "demo"]
    with Screen(argv, env={"PATH": os.environ["PATH"]}) as person:
        person.until(rf"{HERE}.*> ?$", 20)
        assert len(running(state)) >= 2
        person.enter("exit")
        assert person.status() == 0
    assert running(state) == []


@pytest.mark.needs("tmux")
def test_a_terminal_that_is_closed_stops_everything(state: Path, tmp_path: Path) -> None:
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    command = f"exec {FIRELINE} --state '{state}' demo"
    subprocess.run([*tmux, "new-session", "-d", "-s", "person", command], check=True, timeout=10)
    try:
        until("the prompt is on the screen", lambda: f"{HERE}" in screen(tmux) and running(state))
        subprocess.run([*tmux, "kill-session", "-t", "person"], check=True, timeout=10)
        until("everything has stopped", lambda: running(state) == [])
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, timeout=10, capture_output=True)


def screen(tmux: list[str]) -> str:
    argv = [*tmux, "capture-pane", "-p", "-t", "person"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=10).stdout


@pytest.mark.alone
def test_a_demo_that_is_ended_while_it_starts_leaves_nothing(state: Path) -> None:
    argv = [str(FIRELINE), "--state", str(state), "demo", "up"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as starting:
        started_at_this_very_moment(starting.pid)
        starting.terminate()
        starting.communicate(timeout=30)
    assert starting.returncode == 128 + 15
    assert running(state) == []


def started_at_this_very_moment(demo: int) -> None:
    """Returns between the demo's start of its broker and its next line: no pause in this look."""
    below = Path(f"/proc/{demo}/task/{demo}/children")
    for _ in range(1_000_000):
        for child in below.read_text().split():
            with contextlib.suppress(OSError):
                if "serve" in Path(f"/proc/{child}/cmdline").read_text().split("\0"):
                    return
    pytest.fail("the demo started no broker")
