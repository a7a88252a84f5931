"""`make demo`: a broker and this machine's own shim, and the user in its console by real ssh.

1. Standard output belongs to the session alone; what the demo says goes to standard error.
2. Leaving the console stops everything; `up` and `down` do the same in the background.
3. Processes are found again by pid and start time and ended by pid, never by name.
"""

import argparse
import contextlib
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commands.language.errors import Failed, FirelineError
from server.config import load
from server.operator.admin_client import capture
from server.operator.loading import loading
from server.operator.processes import (
    READY_FD,
    Started,
    alive,
    all_run,
    remember,
    remembered,
    spawn,
    stop,
)

with loading():
    from server.operator.demo_state import device_name, prepare

UP_S = 30.0
ASK_S = 0.25
IN_WINE = ("tests.windows.rig", "-I", "-m", "endpoint_shim")
WINE_SETTINGS = 'terminal_prefix = ["ptyrun.exe"]\n'
"""Wine leaves the program of a terminal without standard handles; this one opens them for it."""
UNTOUCHED = """# The demo's device is the machine that you sit at: nobody cuts it off by trying.
# make demo-range has a device for that, in a network namespace of its own.
deny = ["isolate", "restrict"]
"""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Shim:
    """A device of the demo: the words that start its program, its state folder as it calls it."""

    name: str
    folder: Path
    program: tuple[str, ...]
    given: str
    settings: str = ""
    policy: str = UNTOUCHED


def main() -> int:
    """The program; the exit status is ssh's, or 0."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("what", choices=["run", "up", "down"])
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--windows", action="store_true", help="add the Windows shim in Wine")
    asked = parser.parse_args()
    try:
        return do(asked.what, asked.state.absolute(), asked.windows)
    except FirelineError as error:
        print(error.shown(), file=sys.stderr)
        return error.status


def do(what: str, state: Path, windows: bool) -> int:
    """Runs, starts or stops the demo; the status of its session, or 0."""
    os.umask(0o077)
    if what == "down":
        _down(state)
        return 0
    way = f"ssh -F {shlex.quote(str(state / 'ssh_config'))} fireline"
    if all_run(state / "running.json"):
        _start_shims(state, windows, remembered(state / "running.json"))
        if what == "up":
            print(f"the demo is up already: {way}", file=sys.stderr)
            return 0
        return _console(state)
    _down(state)
    with contextlib.suppress(ValueError):  # not in a program's main thread
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        start(state, windows)
        if what == "up":
            print(f"the demo is up: {way}", file=sys.stderr)
            return 0
        return _console(state)
    finally:
        if what == "run" or sys.exc_info()[0] is not None:
            with contextlib.suppress(ValueError):
                for number in ENDING:
                    signal.signal(number, signal.SIG_IGN)  # nothing may stay behind now
            _down(state)


def _down(state: Path) -> None:
    running = state / "running.json"
    for started in reversed(remembered(running)):
        stop(started)
    running.unlink(missing_ok=True)


def start(state: Path, windows: bool) -> None:
    """Broker, then the shim, each a process of its own; returns when the device is online."""
    _start_shims(state, windows, [start_broker(state)])


def _start_shims(state: Path, windows: bool, started: list[Started]) -> None:
    """Those that are not among what was started: a demo that is up may lack the Windows device."""
    for shim in _shims(state, windows)[len(started) - 1 :]:
        if shim.program is IN_WINE:
            print(f"starting {shim.name} in Wine; the first time takes a minute", file=sys.stderr)
        _enrol(state, shim)
        log_path = shim.folder.with_suffix(".log")
        with log_path.open("ab") as log, no_end_between():
            started.append(spawn([*shim.program, "run", "--state", shim.given], log))
            remember(state / "running.json", started)
        wait_online(state, shim.name, started[-1], log_path)
        if shim.program is IN_WINE:
            print(f"{shim.name} is online too: connect {shim.name}", file=sys.stderr)


@contextlib.contextmanager
def no_end_between() -> Iterator[None]:
    """Holds a signal that ends the demo until what was started is also noted to be ended."""
    came: list[int] = []
    before = {}
    with contextlib.suppress(ValueError):  # not in a program's main thread: none comes here
        for number in ENDING:
            before[number] = signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, way in before.items():
            signal.signal(number, way)
    for late in came:
        signal.raise_signal(late)


def start_broker(state: Path, device_host: str = "127.0.0.1", device: str = "") -> Started:
    """Another program may take a port between the look and the broker's own bind: look again."""
    for left in (2, 1, 0):
        for sentence in prepare(state, device_host, device):
            print(sentence, file=sys.stderr)
        try:
            return _start_broker(state)
        except Failed:
            if not left:
                raise
    raise Failed("the broker did not start")


def _shims(state: Path, windows: bool) -> list[Shim]:
    folder = state / "device"
    shims = [Shim(device_name(), folder, ("endpoint_shim",), str(folder))]
    if windows:
        folder = state / "windows"
        # In Wine the whole Unix tree is drive Z. The first time the rig is built: half a minute.
        given = "Z:" + str(folder).replace("/", "\\")
        name = f"{device_name()[:55]}-windows"
        shims.append(Shim(name, folder, IN_WINE, given, WINE_SETTINGS))
    return shims


def _start_broker(state: Path) -> Started:
    ready, told = os.pipe()
    log_path = state / "broker.log"
    with log_path.open("ab") as log, no_end_between():
        broker = spawn(
            ["server", "--state", str(state / "broker"), "serve"],
            log,
            pass_fds=(told,),
            environment={READY_FD: str(told)},
        )
        remember(state / "running.json", [broker])
    os.close(told)
    with os.fdopen(ready, "rb") as answers:
        waiting = select.select([answers], [], [], UP_S)[0]
        if not waiting or not answers.readline():
            stop(broker)
            raise Failed(f"the broker did not start; the end of {log_path} says why")
    return broker


def _enrol(state: Path, shim: Shim) -> None:
    """Enrols a device, unless it is enrolled and the broker is still where it was."""
    place = f"127.0.0.1:{load(state / 'broker').device_port}"
    noted = shim.folder.with_suffix(".enrolled")
    if noted.exists() and noted.read_text("utf-8") == f"{shim.name} {place}":
        return
    socket = state / "broker" / "admin.sock"
    if shim.folder.exists():
        _, _ = capture(socket, f"revoke {shim.name}")  # the device must learn where it is now
        _remove(shim.folder)
    status, token = capture(socket, f"token new -names {shim.name}")
    if status != 0:
        raise Failed("the broker gave no token; the end of broker.log says why")
    words = ["enroll", "--state", shim.given, "--name", shim.name]
    enrolled = subprocess.run(
        [sys.executable, "-I", "-m", *shim.program, *words],
        input=token,
        capture_output=True,
        check=False,
    )
    if enrolled.returncode != 0:
        raise Failed(f"{shim.name} could not enrol: {enrolled.stderr.decode().strip()}")
    if shim.settings:
        (shim.folder / "shim.toml").write_text(shim.settings, "utf-8")
    if not (shim.folder / "policy.toml").exists():
        (shim.folder / "policy.toml").write_text(shim.policy, "utf-8")
    noted.write_text(f"{shim.name} {place}", "utf-8")


def _remove(folder: Path) -> None:
    """Takes the demo's own device state away: plain files, one level."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.rmdir()


def wait_online(state: Path, name: str, shim: Started, log: Path) -> None:
    """Asks when the shim has logged something, for that is its line; each question is a session."""
    socket = state / "broker" / "admin.sock"
    until = time.monotonic() + UP_S
    seen, ask_at = log.stat().st_size, 0.0
    while time.monotonic() < until and alive(shim):
        logged = log.stat().st_size
        if logged != seen or time.monotonic() >= ask_at:
            seen, ask_at = logged, time.monotonic() + ASK_S
            status, out = capture(socket, "devices -output json")
            rows = json.loads(out) if status == 0 else []
            if any(row["name"] == name and row["online"] for row in rows):
                return
        time.sleep(0.02)
    raise Failed(f"{name} did not come online; the end of {log} says why")


def _console(state: Path) -> int:
    """The real ssh into this machine's session; lines where standard input is no terminal."""
    terminal = sys.stdin.isatty()
    argv = [
        "ssh",
        "-F",
        str(state / "ssh_config"),
        "-t" if terminal else "-T",
        "fireline",
        f"connect {device_name()}",
    ]
    ssh = subprocess.Popen(argv)
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the session's
        signal.signal(signal.SIGTERM, lambda *_: ssh.terminate())
        signal.signal(signal.SIGHUP, lambda *_: ssh.terminate())
    return ssh.wait()


if __name__ == "__main__":
    raise SystemExit(main())
