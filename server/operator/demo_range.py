"""`make demo-range`: a device in namespaces of its own, to isolate and restrict for real.

It leaves `ssh_config` as the demo does, a device named `range`, and `range.json`: the network
namespace, the web server that the device reaches, and where its "attacker's" shell is connected.
"""

import argparse
import contextlib
import json
import os
import select
import shlex
import shutil
import signal
import sys
from pathlib import Path

from commands.language.errors import Failed, FirelineError, Refused
from server.identity.private_files import private_folder, replace_private
from server.operator.admin_client import capture
from server.operator.demo import no_end_between, start_broker, wait_online
from server.operator.processes import Started, all_run, remember, remembered, spawn, stop
from server.operator.range_device import MOUNTS
from server.operator.range_network import Network

NAME = "range"
UP_S = 10.0
NEEDED = {"ip": "iproute2", "nft": "nftables", "unshare": "util-linux"}
SPACES = ("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child")


def main() -> int:
    """`up` or `down`; the exit status."""
    parser = argparse.ArgumentParser(prog="make demo-range", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    parser.add_argument("--state", type=Path, required=True)
    asked = parser.parse_args()
    os.umask(0o077)
    state = asked.state.absolute()
    try:
        _check()
        _up(state) if asked.what == "up" else _down(state)
    except FirelineError as error:
        print(error.shown(), file=sys.stderr)
        return error.status
    return 0


def _check() -> None:
    if os.geteuid() != 0:
        raise Refused("make demo-range needs root: it makes a network namespace of its own")
    missing = sorted({NEEDED[name] for name in NEEDED if shutil.which(name) is None})
    if missing:
        raise Failed(f"make demo-range needs more: apt-get install {' '.join(missing)}")
    refuse_unseen(Path(sys.prefix))


def refuse_unseen(programs: Path) -> None:
    """What the device's own mounts hide of this machine cannot start there."""
    for _, place, _ in MOUNTS:
        if programs.is_relative_to(own := Path("/") / place):
            raise Refused(
                f"the range's device has a {own} of its own and would not see {programs}; "
                "clone Fireline into another folder for make demo-range"
            )


def _up(state: Path) -> None:
    way = f"ssh -F {shlex.quote(str(state / 'ssh_config'))} fireline 'connect {NAME}'"
    if all_run(state / "running.json"):
        print(f"the range is up already: {way}", file=sys.stderr)
        return
    _down(state)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        _start(state, Network.of(state))
    except BaseException:
        _down(state)
        raise
    print(f"the range is up: {way.replace(' fireline ', ' -t fireline ')}", file=sys.stderr)
    print(f"watch its attacker: tail -f {state / 'outside.log'}", file=sys.stderr)


def _start(state: Path, network: Network) -> None:
    private_folder(state)
    network.make()
    started = [start_broker(state, network.broker, NAME)]
    remember(state / "running.json", started)
    web, attacker = _start_outside(state, network, started)
    token = _token(state)
    folder = state / "device"
    folder.mkdir(mode=0o700, exist_ok=True)
    log_path = state / "device.log"
    words = ["server.operator.range_device", str(folder), network.outside, str(attacker)]
    before = ("ip", "netns", "exec", network.namespace, *SPACES)
    with log_path.open("ab") as log, no_end_between():
        device = spawn(words, log, before=before, given=token)
        started.append(device)
        remember(state / "running.json", started)
    wait_online(state, NAME, device, log_path)
    told = {
        "netns": network.namespace,
        "web": f"http://{network.outside}:{web}/",
        "attacker": f"{network.outside}:{attacker}",
    }
    replace_private(state / "range.json", json.dumps(told, indent=1).encode() + b"\n")


def _start_outside(state: Path, network: Network, started: list[Started]) -> tuple[int, int]:
    """The ports of its web server and of its attacker."""
    reading, telling = os.pipe()
    with (state / "outside.log").open("ab") as log, no_end_between():
        words = ["server.operator.range_outside", network.outside]
        started.append(spawn(words, log, output=telling))
        remember(state / "running.json", started)
    os.close(telling)
    with os.fdopen(reading, "rb") as answers:
        line = answers.readline() if select.select([answers], [], [], UP_S)[0] else b""
    ports = line.split()
    if len(ports) != 2:
        raise Failed(f"the range's outside did not start; {state / 'outside.log'} says why")
    return int(ports[0]), int(ports[1])


def _token(state: Path) -> bytes:
    socket = state / "broker" / "admin.sock"
    capture(socket, f"revoke {NAME}")  # the one of the last range, whose key is gone
    status, token = capture(socket, f"token new -names {NAME}")
    if status != 0:
        raise Failed("the broker gave no token; the end of broker.log says why")
    return token


def _down(state: Path) -> None:
    running = state / "running.json"
    for started in reversed(remembered(running)):
        _tell_children(started)
        stop(started)
    running.unlink(missing_ok=True)
    (state / "range.json").unlink(missing_ok=True)
    Network.of(state).end()


def _tell_children(started: Started) -> None:
    """Asks them to end: `unshare` itself ends with its child, and lets nobody ask it before."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text()
        for pid in children.split():
            os.kill(int(pid), signal.SIGTERM)


if __name__ == "__main__":
    raise SystemExit(main())
