"""Fireline as `make demo-up` starts it, in a state folder that lasts as long as the bench."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.operator.demo_state import device_name, prepare

MORE = """
[limits]
library_bytes = 2147483648
connections_per_person = 1000
sessions = 100
sessions_per_person = 100
sessions_per_device = 100
"""


@dataclass(frozen=True)
class Fireline:
    """The demo's client configuration and its one device, this machine."""

    state: Path
    device: str

    def ssh(self, *words: str, terminal: bool = False, host: str = "fireline") -> list[str]:
        mode = "-tt" if terminal else "-T"
        return ["ssh", "-F", str(self.state / "ssh_config"), mode, host, *words]

    def on(self, *words: str) -> list[str]:
        """One command on the device."""
        return self.ssh(" ".join(["on", self.device, *words]))

    def copy(self, program: str, *words: str) -> list[str]:
        return [program, "-q", "-F", str(self.state / "ssh_config"), *words]

    @property
    def broker(self) -> int:
        return self._pids[0]

    @property
    def supervisor(self) -> int:
        return self._pids[1]

    @property
    def _pids(self) -> list[int]:
        return [one["pid"] for one in json.loads((self.state / "running.json").read_bytes())]


@contextlib.contextmanager
def fireline(state: Path) -> Iterator[Fireline]:
    """A broker and this machine's shim, until the block ends."""
    prepare(state)
    with (state / "broker" / "fireline.toml").open("a") as settings:
        settings.write(MORE)
    try:
        _demo("up", state)
        yield Fireline(state, device_name())
    finally:
        _demo("down", state)


def _demo(what: str, state: Path) -> None:
    words = [sys.executable, "-I", "-m", "server.operator.demo", what, "--state", str(state)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
