"""From Enter to enforced: how long an isolation takes on a device in namespaces of its own.

Enforced is when the kernel refuses the device's next packet: a thread inside it sends one each
millisecond. Told is when the person reads that it was proven by a new connection.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.table import Row, high, middle, ms
from tests.endpoint_shim.linux.nets import inside

PROGRAM = (sys.executable, "-I", "-m", "server.operator.demo_range")
EVERY_S = 0.001
LIMIT_S = 30.0


def isolation(folder: Path, quick: bool) -> list[Row]:
    """Isolated and released, again and again, over one ssh connection."""
    if os.geteuid() != 0:
        return [Row("isolate, from Enter to enforced", "not root", "", "")]
    state = folder / "range"
    subprocess.run([*PROGRAM, "up", "--state", str(state)], check=True, stderr=subprocess.DEVNULL)
    try:
        return _measured(state, 20 if quick else 200)
    finally:
        subprocess.run(
            [*PROGRAM, "down", "--state", str(state)], check=True, stderr=subprocess.DEVNULL
        )


def _measured(state: Path, rounds: int) -> list[Row]:
    found = json.loads((state / "range.json").read_text("utf-8"))
    web = urlsplit(found["web"])
    assert web.hostname is not None
    words = ["ssh", "-F", str(state / "ssh_config"), "fireline"]
    took: dict[tuple[str, bool], list[float]] = {}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as typing:
        for turn in range(rounds):
            cold = turn % 2 == 0
            if cold:
                _end_guard(found["netns"])
            refused = Refused(found["netns"], web.hostname)
            began = time.perf_counter()
            told = _asked(typing, "isolate", "range isolated") - began
            took.setdefault(("told", cold), []).append(told)
            took.setdefault(("enforced", cold), []).append(refused.at() - began)
            _asked(typing, "release", "range released")
        assert typing.stdin is not None
        typing.stdin.close()
    return [
        *_rows("isolate, from Enter to enforced", took["enforced", True]),
        *_rows("… to proven and told", took["told", True]),
        *_rows("isolate again within a minute, to enforced", took["enforced", False]),
        *_rows("… to proven and told", took["told", False]),
    ]


def _end_guard(netns: str) -> None:
    """Most devices have none: it is started by the wish, and ends a minute after the release."""
    here = os.stat(f"/run/netns/{netns}").st_ino
    for one in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error, OSError):
            if "endpoint_shim.guard" not in (one.info["cmdline"] or []):
                continue
            if os.stat(f"/proc/{one.pid}/ns/net").st_ino == here:
                one.kill()
                one.wait(10)


class Refused:
    """The moment at which the device's packets are refused first."""

    def __init__(self, netns: str, far: str) -> None:
        with inside(netns):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._far = far
        self._at = 0.0
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


def _asked(typing: "subprocess.Popen[str]", word: str, until: str) -> float:
    """Types a line; when its outcome was read."""
    assert typing.stdin is not None and typing.stdout is not None
    typing.stdin.write(f"on range {word} -yes -comment bench\n")
    typing.stdin.flush()
    for line in typing.stdout:
        if until in line:
            return time.perf_counter()
        assert "failed" not in line and "refused" not in line, line
    raise AssertionError(f"ssh ended before {word} did")


def _rows(what: str, took: list[float]) -> list[Row]:
    return [
        Row(f"{what}, p50", ms(middle(took)), "", ""),
        Row(f"{what}, p99 (of {len(took)})", ms(high(took)), "aim under 1 s", ""),
    ]
