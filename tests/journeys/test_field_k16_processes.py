"""Field reports k16: process rows that lie, and who it is that is ended."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.field import Field
from tests.journeys.rig import until

Start = Callable[..., "subprocess.Popen[bytes]"]
STAY = "import time; time.sleep(100)"
NAMED = "import ctypes, sys, time\nctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0)\ntime.sleep(100)"


WITHOUT_ARGUMENTS = """
import ctypes
none = (ctypes.c_char_p * 1)(None)
ctypes.CDLL(None).execve(b"/bin/cat", none, none)
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes that are gone at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def one(*argv: str | bytes, **more: Any) -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen(argv, start_new_session=True, **more))
        return started[-1]

    yield one
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def comm(pid: int) -> bytes:
    return Path(f"/proc/{pid}/comm").read_bytes()[:-1]


@pytest.mark.parametrize("size", [32_000, 131_000])
def test_cmdline_32k_is_whole_in_json(field: Field, start: Start, size: int) -> None:
    process = start(sys.executable, "-c", STAY, "A" * size + "END")
    row = field.row(f"processes -pid {process.pid}")
    assert row["arguments"][-1] == "A" * size + "END"
    assert row["command_line"].endswith("AEND")


def test_cmdline_32k_is_cut_with_a_mark_in_a_table(field: Field, start: Start) -> None:
    start(sys.executable, "-c", STAY, "A" * 32_000)
    start(sys.executable, "-c", STAY, "A" * 32_000)
    name = os.path.basename(sys.executable)
    with field.screen(columns=120) as screen:
        screen.until(r">$")
        screen.enter(f"processes -name {name}")
        screen.until(r"Cut: command_line\.")
        assert any(line.endswith("…") for line in screen.lines)
        screen.enter("exit")
        assert screen.status() == 0


def test_name_long_comes_from_the_program_where_the_kernel_s_is_cut(
    field: Field, start: Start, tmp_path: Path
) -> None:
    program = tmp_path / ("n" * 200)
    shutil.copy2("/bin/sleep", program)
    process = start(str(program), "100")
    row = field.row(f"processes -pid {process.pid}")
    assert (row["name"], row["comm"], row["path"]) == ("n" * 200, "n" * 15, str(program))


def test_argv_rewritten_shows_what_really_runs(field: Field, start: Start, tmp_path: Path) -> None:
    program = tmp_path / "dropper"
    shutil.copy2("/bin/sleep", program)
    process = start("[kworker/0:1]", "100", executable=str(program))
    until("it runs", lambda: comm(process.pid) == b"dropper")
    program.unlink()
    row = field.row(f"processes -pid {process.pid}")
    assert (row["path"], row["deleted"]) == (str(program), True)
    assert row["arguments"] == ["[kworker/0:1]", "100"] and row["comm"] == "dropper"
    assert re.search(r"^deleted +yes$", field.on(f"processes -pid {process.pid}").out, re.M)


def test_argv_rewritten_a_look_alike_has_a_program_and_no_arguments_stay_none(
    field: Field, start: Start
) -> None:
    process = start(sys.executable, "-c", NAMED.format(name=b"kworker/1:2"))
    until("it is renamed", lambda: comm(process.pid) == b"kworker/1:2")
    row = field.row(f"processes -pid {process.pid}")
    assert row["comm"] == "kworker/1:2" and row["path"] == os.path.realpath(sys.executable)
    bare = start(sys.executable, "-c", WITHOUT_ARGUMENTS, stdin=subprocess.PIPE)
    until("it runs", lambda: comm(bare.pid) == b"cat")
    found = field.row(f"processes -pid {bare.pid}")
    assert found["path"].endswith("/cat") and found["arguments"] in ([], [""])
    assert found["command_line"] == ""
    assert bare.stdin is not None
    bare.stdin.close()


def test_comm_newline_forges_no_line_and_no_user(field: Field, start: Start) -> None:
    process = start(sys.executable, "-c", NAMED.format(name=b"x\nUid:\t0\t0"))
    until("it is renamed", lambda: comm(process.pid).startswith(b"x\n"))
    row = field.row(f"processes -pid {process.pid}")
    me = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    assert (row["comm"], row["user_name"], row["pid"]) == ("x\nUid:\t0\t0", me, process.pid)
    table = field.raw(f"processes -pid {process.pid} -output table")
    assert table.stdout.count(b"\n") == 2 and b"\t" not in table.stdout
    two = "x) S 1 1 1\n1 ("
    other = start(sys.executable, "-c", NAMED.format(name=two.encode()))
    until("it is renamed", lambda: comm(other.pid) == two.encode())
    assert field.row(f"processes -pid {other.pid}")["parent_id"] == os.getpid()


FORKER = """
import os, time
end = time.monotonic() + 60
while time.monotonic() < end:
    if os.fork():
        time.sleep(.03)
        os._exit(0)
    time.sleep(.01)
"""
MANY = """
import subprocess, sys, time
for _ in range(5):
    subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]])
time.sleep(60)
"""


def test_kill_reuse_the_shipped_script_ends_a_tree_that_never_holds_still(
    field: Field, start: Start
) -> None:
    mark = f"mark-{os.getpid()}"
    root = start(sys.executable, "-c", MANY, FORKER, mark)

    def running() -> list[int]:
        return [row["pid"] for row in field.rows("processes") if mark in (row["arguments"] or "")]

    until("it forks", lambda: len(running()) > 5)
    identity = field.row(f"processes -pid {root.pid}")["start_id"]
    stranger = start(sys.executable, "-c", STAY)
    ran = field.on(f"run kill-tree.sh -p {root.pid} -t {identity} -j")
    assert ran.status == 0, ran.err
    killed = [json.loads(line)["pid"] for line in ran.out.splitlines()]
    assert root.pid in killed and len(killed) > 5
    assert [pid for pid in running() if pid != root.pid] == [] and stranger.poll() is None
    # The number alone is nobody: the same line again touches nothing, and is a failure.
    again = field.on(f"run kill-tree.sh -p {root.pid} -t {identity} -j")
    assert again.status == 1 and "nothing found" in again.err
    assert again.err.endswith("ended with exit code 3\n")
