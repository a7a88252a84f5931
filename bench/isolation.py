"""From Enter to enforced: how long an isolation takes on a device in namespaces of its own.

Enforced is when the kernel refuses the device's next packet: a thread inside it sends one each
millisecond. Told is when the person reads that it was proven by a new connection. Beside it: rules
that let only the broker pass, put in force by hand with `nft -f` over a connection that stands.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.peers import Peers
from bench.table import Row, high, middle, ms
from tests.endpoint_shim.linux.nets import inside

PROGRAM = (sys.executable, "-I", "-m", "server.operator.demo_range")
EVERY_S, LIMIT_S = 0.001, 30.0
AIM_S = 1.0
BY_HAND = """\
add table inet bench
add chain inet bench out {{ type filter hook output priority 0; policy drop; }}
add chain inet bench in {{ type filter hook input priority 0; policy drop; }}
add rule inet bench out ip daddr {broker} accept
add rule inet bench in ip saddr {broker} accept
"""


def isolation(folder: Path, other: Peers, quick: bool) -> list[Row]:
    """In turn: the first one of a device by exec and at a console, one after it, and by hand."""
    if os.geteuid() != 0:
        return [Row("isolate, from Enter to enforced", "not root", "", "")]
    with _range(folder / "range") as here, _console(here) as typed:
        ways = {
            "first of a device, by exec": Way(here, here.exec, first=True),
            "first of a device, at a console": Way(here, typed, first=True),
            "a second one, at a console": Way(here, typed, first=False),
        }
        by_hand: list[float] = []
        for _ in range(20 if quick else 100):
            by_hand.append(_by_hand(here, other, folder / "rules"))
            for way in ways.values():
                way.once()
    return [row for what, way in ways.items() for row in _rows(what, way, by_hand)]


@dataclass(frozen=True)
class Range:
    """It is up."""

    state: Path
    netns: str
    broker: str
    outside: str

    def ssh(self, *words: str) -> list[str]:
        kept = ["-o", "ControlMaster=auto", "-o", f"ControlPath={self.state}/kept.sock"]
        kept += ["-o", "ControlPersist=600"]
        return ["ssh", "-F", str(self.state / "ssh_config"), *kept, *words]

    def exec(self, line: str) -> None:
        subprocess.run(self.ssh("fireline", line), check=True, capture_output=True)

    def end_guard(self) -> None:
        """Most devices have none: the wish starts it; it ends a minute after the release."""
        here = os.stat(f"/run/netns/{self.netns}").st_ino
        for one in psutil.process_iter(["cmdline"]):
            with contextlib.suppress(psutil.Error, OSError):
                if "endpoint_shim.guard_start" not in (one.info["cmdline"] or []):
                    continue
                if os.stat(f"/proc/{one.pid}/ns/net").st_ino == here:
                    one.kill()
                    one.wait(10)


@dataclass
class Way:
    """One way to isolate, and what it took."""

    here: Range
    ask: Callable[[str], None]
    first: bool
    enforced: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)

    def once(self) -> None:
        if self.first:
            self.here.end_guard()
        refused = Refused(self.here)
        began = time.perf_counter()
        self.ask("on range isolate -yes -comment bench")
        self.told.append(time.perf_counter() - began)
        self.enforced.append(refused.at() - began)
        self.ask("on range release -yes -comment bench")


class Refused:
    """The moment at which the device's packets are refused first."""

    def __init__(self, here: Range) -> None:
        with inside(here.netns):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._far = here.outside
        self._at = 0.0
        self._socket.sendto(b"x", (self._far, 9))  # that they pass now
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def at(self) -> float:
        self._thread.join()
        self._socket.close()
        assert self._at, "nothing was ever refused"
        return self._at

    def _send(self) -> None:
        end = time.perf_counter() + LIMIT_S
        while (now := time.perf_counter()) < end:
            try:
                self._socket.sendto(b"x", (self._far, 9))
            except PermissionError:
                self._at = now
                return
            time.sleep(EVERY_S)


def _by_hand(here: Range, other: Peers, rules: Path) -> float:
    rules.write_text(BY_HAND.format(broker=here.broker))
    there = ["ip", "netns", "exec", here.netns, "nft"]
    refused = Refused(here)
    began = time.perf_counter()
    subprocess.run(other.ssh("kept", *there, "-f", str(rules)), check=True, capture_output=True)
    took = refused.at() - began
    subprocess.run([*there, "delete", "table", "inet", "bench"], check=True)
    return took


@contextlib.contextmanager
def _range(state: Path) -> Iterator[Range]:
    _demo("up", state)
    try:
        found = json.loads((state / "range.json").read_text("utf-8"))
        outside = urlsplit(found["web"]).hostname
        assert outside is not None
        here = Range(state, found["netns"], outside.rpartition(".")[0] + ".1", outside)
        here.exec("devices")
        yield here
        subprocess.run(here.ssh("-O", "exit", "fireline"), check=True, capture_output=True)
    finally:
        _demo("down", state)


def _demo(what: str, state: Path) -> None:
    words = [*PROGRAM, what, "--state", str(state)]
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def _console(here: Range) -> Iterator[Callable[[str], None]]:
    """A console without a terminal; asks a line and reads until its outcome."""
    with subprocess.Popen(
        here.ssh("fireline"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as typing:
        assert typing.stdin is not None and typing.stdout is not None
        told, read = typing.stdin, typing.stdout

        def ask(line: str) -> None:
            told.write(f"{line}\n")
            told.flush()
            for said in read:
                if " succeeded: " in said:
                    return
                assert "failed" not in said and "refused" not in said, said
            raise AssertionError(f"ssh ended before its answer to: {line}")

        yield ask
        told.close()


def _rows(what: str, way: Way, by_hand: list[float]) -> list[Row]:
    rounds, half, by = len(way.enforced), middle(way.enforced), middle(by_hand)
    few = rounds < 100
    most, told_most = (high(took, 1.0 if few else 0.99) for took in (way.enforced, way.told))
    name = f"worst of {rounds}" if few else f"p99 of {rounds}"
    beside = "`nft -f` over ControlMaster"
    told = f"{ms(middle(way.told))}; {ms(told_most)}"
    return [
        Row(f"isolate, {what}: Enter to enforced, p50", ms(half), beside, ms(by), half / by),
        Row(f"… {name}", ms(most), "aim", ms(AIM_S), most / AIM_S, 1.0),
        Row(f"… to proven and told, p50; {name}", told, "", ""),
    ]
