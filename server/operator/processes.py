"""Processes of the demo, found again by pid and start time, ended by pid."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import msgspec

from server.identity.private_files import replace_private

GRACE_S = 10.0
READY_FD = "FIRELINE_READY_FD"
"""A broker's descriptor that gets one JSON line with the ports when all doors are open. It stands
here for who waits on it, and loads nothing of the broker's."""


class Started(msgspec.Struct, frozen=True):
    """A process of ours; the start time keeps a reused pid from being taken for it."""

    pid: int
    ticks: str


def spawn(
    argv: list[str],
    log: IO[bytes],
    *,
    pass_fds: tuple[int, ...] = (),
    environment: dict[str, str] | None = None,
    before: tuple[str, ...] = (),
    output: int | None = None,
    given: bytes | None = None,
) -> Started:
    """Starts a program in a session of its own, its output in `log`.

    `before` are words before the program, `output` is another place for its standard output,
    `given` (little: a pipe's worth) its standard input.
    """
    stdin = subprocess.DEVNULL
    if given is not None:
        stdin, told = os.pipe()
        os.write(told, given)
        os.close(told)
    process = subprocess.Popen(
        [*before, sys.executable, "-I", "-m", *argv],
        stdin=stdin,
        stdout=log if output is None else output,
        stderr=log,
        start_new_session=True,
        pass_fds=pass_fds,
        env={**os.environ, **(environment or {})},
    )
    if given is not None:
        os.close(stdin)
    process.returncode = 0  # ours to end by pid, here or in `demo down`: no warning at exit
    return Started(process.pid, _ticks(process.pid))


def alive(started: Started) -> bool:
    """Whether it still runs; a zombie does not."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(started.pid, os.WNOHANG)
    return bool(started.ticks) and _ticks(started.pid) == started.ticks


def stop(started: Started) -> None:
    """Asks it to end, waits, then ends it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not alive(started):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(started.pid, number)
        until = time.monotonic() + GRACE_S
        while alive(started) and time.monotonic() < until:
            time.sleep(0.02)


def remember(path: Path, all_started: list[Started]) -> None:
    """Notes them for `remembered`, whole or not at all."""
    replace_private(path, msgspec.json.encode(all_started))


def remembered(path: Path) -> list[Started]:
    """Those that still run of the ones noted at `path`."""
    return [one for one in _noted(path) if alive(one)]


def all_run(path: Path) -> bool:
    """Whether there are some, and every one of them still runs."""
    noted = _noted(path)
    return bool(noted) and all(alive(one) for one in noted)


def _noted(path: Path) -> list[Started]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Started])
    except FileNotFoundError:
        return []


def _ticks(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = stat[stat.rindex(b")") + 2 :].split()
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
