"""kill-tree.sh on trees that fork, hide and end, and beside processes that it must not touch."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts_library" / "kill-tree.sh"
FORKER = """
import os, time
end = time.monotonic() + 60
while time.monotonic() < end:
    if os.fork():
        time.sleep(.03)
        os._exit(0)
    time.sleep(.01)
"""


def kill_tree(*arguments: object) -> "subprocess.CompletedProcess[str]":
    argv = ["bash", str(SCRIPT), *map(str, arguments)]
    env = {"PATH": os.environ["PATH"], "LANG": "de_DE.UTF-8"}
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=env
    )


def start_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(") ")[2].split()[19])


def until(what: str, ready: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def ignored(pid: int) -> int:
    """The signals that it ignores, as bits."""
    status = Path(f"/proc/{pid}/status").read_text("latin-1")
    return int(status.partition("SigIgn:")[2].split()[0], 16)


def marked(mark: str) -> list[int]:
    """Processes with that word in their arguments, of this script or not."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


class Started:
    """Starts processes that bear a word of this test's own; who bears it is gone at the end."""

    def __init__(self) -> None:
        self.mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
        self.children: list[subprocess.Popen[bytes]] = []

    def bash(self, text: str) -> "subprocess.Popen[bytes]":
        return self.run("bash", "-c", text)

    def run(self, *argv: str) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen([*argv, self.mark], start_new_session=True)
        self.children.append(child)
        return child

    def end(self) -> None:
        for pid in marked(self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for child in self.children:
            child.wait(10)


@pytest.fixture
def started() -> Iterator[Started]:
    holder = Started()
    yield holder
    holder.end()


@pytest.fixture
def mark(started: Started) -> str:
    return started.mark


SLEEPER = f"{sys.executable} -c 'import time; time.sleep(60)' "


def test_a_tree_is_ended_with_its_daemons_and_each_is_told(started: Started, mark: str) -> None:
    # A child, a daemon whose parent has gone, and a child in a session of its own.
    run = SLEEPER + mark
    root = started.bash(f"{run} & ( {run} & ) ; setsid {run} & wait")
    until("all four run", lambda: len(marked(mark)) == 4)
    members = set(marked(mark))
    ran = kill_tree("-p", root.pid, "-t", start_of(root.pid), "-j")
    assert (ran.returncode, ran.stderr) == (0, "")
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {row["pid"] for row in told} == members and {row["what"] for row in told} == {"killed"}
    assert marked(mark) == [] and root.wait(10) == -signal.SIGKILL


def test_dry_run_names_the_tree_and_touches_nobody(started: Started, mark: str) -> None:
    root = started.bash(f"{SLEEPER}{mark} & wait")
    until("both run", lambda: len(marked(mark)) == 2)
    ran = kill_tree("-p", root.pid, "-t", start_of(root.pid), "-n")
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["would", "kill"]] * 2
    assert lines[2] == "2 processes would be killed; nothing would undo it"
    states = [psutil.Process(pid).status() for pid in marked(mark)]
    assert len(states) == 2 and psutil.STATUS_STOPPED not in states


def test_a_tree_that_never_holds_still_is_emptied(started: Started, mark: str) -> None:
    many = (
        f"import subprocess, sys, time; forker = {FORKER!r}\n"
        "for _ in range(5): subprocess.Popen([sys.executable, '-c', forker, sys.argv[1]])\n"
        "time.sleep(60)"
    )
    root = started.run(sys.executable, "-c", many)
    until("six run", lambda: len(marked(mark)) > 5)
    first = set(marked(mark))
    until("they replaced each other", lambda: len(set(marked(mark)) - first) > 5)
    ran = kill_tree("-p", root.pid, "-t", start_of(root.pid), "-j")
    assert ran.returncode == 0, ran.stderr
    assert marked(mark) == []
    assert root.wait(10) == -signal.SIGKILL


def test_another_process_of_the_number_is_not_touched(started: Started, mark: str) -> None:
    root = started.bash(f"exec {SLEEPER}{mark}")
    other = start_of(root.pid) - 1
    ran = kill_tree("-p", root.pid, "-t", other)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == (
        f"nothing found: no process {root.pid} that started at {other}; nothing was touched\n"
    )
    assert alive(root.pid) and psutil.Process(root.pid).status() != psutil.STATUS_STOPPED


def test_strangers_in_its_process_group_or_above_it_are_not_touched(
    started: Started, mark: str
) -> None:
    # A pipeline puts both into one group that the first leads; neither is the other's child.
    started.bash(f"set -m; {SLEEPER}{mark}-first | {SLEEPER}{mark} & wait")
    until("all run", lambda: len(marked(mark)) == 2 and marked(f"{mark}-first"))
    first, strangers = marked(f"{mark}-first")[0], marked(mark)
    assert {os.getpgid(pid) for pid in strangers} > {os.getpgid(first)}
    ran = kill_tree("-p", first, "-t", start_of(first), "-j")
    assert [json.loads(line)["pid"] for line in ran.stdout.splitlines()] == [first]
    assert marked(mark) == strangers
    assert psutil.STATUS_STOPPED not in [psutil.Process(pid).status() for pid in strangers]


def test_a_process_that_ignores_every_signal_and_bears_an_odd_name_is_ended(
    started: Started, mark: str
) -> None:
    deaf = (
        "import ctypes, signal, time\n"
        "ctypes.CDLL(None).prctl(15, b'x) S 1\\n\\xff', 0, 0, 0)\n"
        "for s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n"
        "time.sleep(60)"
    )
    root = started.run(sys.executable, "-c", deaf)
    until("it is deaf", lambda: ignored(root.pid) & 1 << signal.SIGTERM - 1)
    ran = kill_tree("-p", root.pid, "-t", start_of(root.pid), "-j")
    (row,) = [json.loads(line) for line in ran.stdout.splitlines()]
    assert (row["pid"], row["name"], row["parent_id"]) == (root.pid, "x) S 1\n\\xff", os.getpid())
    assert root.wait(10) == -signal.SIGKILL


def test_the_start_is_taken_with_its_boot_and_another_boot_s_is_nothing_found(
    started: Started, mark: str
) -> None:
    root = started.bash(f"exec {SLEEPER}{mark}")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    other = kill_tree("-p", root.pid, "-t", f"{'0' * 8}{boot[8:]}:{start_of(root.pid)}")
    assert other.returncode == 3 and alive(root.pid)
    assert kill_tree("-p", root.pid, "-t", f"{boot}:{start_of(root.pid)}").returncode == 0
    root.wait(10)


def test_what_it_runs_below_is_refused() -> None:
    pid = os.getpid()
    ran = kill_tree("-p", pid, "-t", start_of(pid))
    assert ran.returncode == 1
    assert ran.stderr == f"failed: this script runs below process {pid}; nothing was touched\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "-p PID is missing"),
        (["-p", "1"], "-t START is missing"),
        (["-p", "x", "-t", "1"], "-p takes a process number"),
        (["-p", "-1", "-t", "1"], "-p takes a process number"),
        (["-p", "1", "-t", "a[$(id)]"], "-t takes clock ticks"),
        (["-p", "1", "-t", "1", "-x"], "-x is not known"),
        (["-p", "1", "-t", "1", "more"], "'more' is too much"),
    ],
)
def test_wrong_parameters_are_status_2_and_named(arguments: list[str], named: str) -> None:
    ran = kill_tree(*arguments)
    assert (ran.returncode, ran.stdout) == (2, "") and named in ran.stderr
