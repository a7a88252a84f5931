"""A whole Fireline with the shim in Wine as its second device, and the stock clients' way to it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.windows.rig.running import ROOT

DEMO = (sys.executable, "-I", "-m", "server.operator.demo")
PROGRAM_S = 60


@dataclass(frozen=True)
class Ran:
    """A client's end."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Live:
    """A demo that is up."""

    state: Path
    device: str = ""

    def up(self) -> "Live":
        """The Windows device joins a demo that is up already, as somebody's second thought does."""
        self._demo("up")
        self._demo("up", "--windows")
        found = [row for row in self.rows("devices") if row["platform"].startswith("Windows")]
        assert len(found) == 1 and found[0]["online"]
        return Live(self.state, str(found[0]["name"]))

    def down(self) -> None:
        self._demo("down")

    def client(self, program: str, *words: str, given: bytes = b"") -> Ran:
        """A stock program: ssh, scp, sftp."""
        line = [program, "-F", str(self.state / "ssh_config"), *words]
        done = subprocess.run(
            line, input=given, capture_output=True, timeout=PROGRAM_S, check=False
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ssh(self, line: str, given: str | bytes = b"") -> Ran:
        data = given.encode() if isinstance(given, str) else given
        return self.client("ssh", "-T", "fireline", line, given=data)

    def on(self, line: str) -> Ran:
        return self.ssh(f"on {self.device} {line}")

    def rows(self, line: str, host: str = "fireline") -> list[dict[str, Any]]:
        ran = self.client("ssh", "-T", host, f"{line} -output json")
        assert ran.status == 0, ran.err
        found: list[dict[str, Any]] = json.loads(ran.out)
        return found

    def sftp(self, *lines: str) -> Ran:
        given = "".join(f"{line}\n" for line in lines).encode()
        return self.client("sftp", "-b", "-", "fireline", given=given)

    def _demo(self, word: str, *words: str) -> None:
        line = [*DEMO, word, *words, "--state", str(self.state)]
        subprocess.run(line, cwd=ROOT, check=True, capture_output=True, timeout=PROGRAM_S)
