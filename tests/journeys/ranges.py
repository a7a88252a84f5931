"""The range for tests, which share one: `make demo-range` takes seconds to come and to go."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAM = (sys.executable, "-I", "-m", "server.operator.demo_range")


@dataclass
class Range:
    """It is up; its words are those of range.json."""

    state: Path
    netns: str
    web: str
    attacker: str

    def ask(self, line: str) -> str:
        ran = self.ran(line)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def ran(self, line: str) -> "subprocess.CompletedProcess[str]":
        argv = ["ssh", "-F", str(self.state / "ssh_config"), "fireline", line]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    def inside(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        whole = ["ip", "netns", "exec", self.netns, *argv]
        return subprocess.run(whole, capture_output=True, text=True, timeout=30, check=False)

    def started(self, *argv: str) -> int:
        """The status of a program of the device's own, that its own user started."""
        listed = subprocess.run(["ip", "netns", "pids", self.netns], capture_output=True, text=True)
        ours = os.stat("/proc/self/ns/pid").st_ino
        pids = [Path("/proc", pid) for pid in listed.stdout.split()]
        # The first of another pid namespace is the range's own, there as long as it is.
        first = next(pid for pid in pids if (pid / "ns/pid").stat().st_ino != ours)
        words = ["nsenter", "-t", first.name, "-m", "-p", "-n", "-u", "-i", *argv]
        return subprocess.run(words, capture_output=True, timeout=30, check=False).returncode

    def reaches_the_web(self) -> bool:
        return self.inside("curl", "-s", "-m", "2", self.web).returncode == 0

    def log(self) -> str:
        return (self.state / "outside.log").read_text("utf-8")

    def table(self) -> str:
        return self.inside("nft", "list", "ruleset").stdout


def said(what: str, state: Path) -> str:
    ran = subprocess.run(
        [*PROGRAM, what, "--state", str(state)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


@contextlib.contextmanager
def up(state: Path) -> Iterator[Range]:
    """It, and nothing of it left at the end."""
    said("up", state)
    try:
        yield Range(state, **json.loads((state / "range.json").read_text("utf-8")))
    finally:
        said("down", state)
        names = subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout
        assert state.name not in names
        assert not (state / "range.json").exists()
