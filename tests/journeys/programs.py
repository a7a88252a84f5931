"""A broker and a device that a person made with the installed programs, each step as printed."""

import contextlib
import getpass
import hashlib
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.doors.rig import Ran
from tests.journeys.rig import until

PROGRAMS = Path(sys.executable).parent
ME = getpass.getuser()
ACCESS = """\
people:
  operator: {{accounts: [{me}]}}
  alice: {{keys: ["{alice}"]}}
  bob: {{keys: ["{bob}"]}}
rules:
  - {{name: operators, people: [operator], role: operator, devices: all}}
  - {{name: auditors, people: [operator], role: auditor, devices: all}}
  - {{name: responders, people: [alice], role: advanced, devices: all}}
  - {{name: lookers, people: [bob], role: basic, devices: [web-01]}}
"""


@dataclass
class House:
    """What a person has made: a broker's folder, a device's, and keys; and what runs of it."""

    folder: Path
    said: dict[str, str] = field(default_factory=dict)
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / "a broker"

    @property
    def device(self) -> Path:
        return self.folder / "device"

    def fireline(self, *words: str, stdin: str = "") -> Ran:
        return run([str(PROGRAMS / "fireline"), "--state", str(self.state), *words], stdin)

    def endpoint(self, *words: str, stdin: str = "", state: Path | None = None) -> Ran:
        state = state or self.device
        return run([str(PROGRAMS / "fireline-endpoint"), "--state", str(state), *words], stdin)

    def start(self, name: str, program: str, state: Path, word: str) -> None:
        """A program that stays, its standard error in a file of its own."""
        argv = [str(PROGRAMS / program), "--state", str(state), word]
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, name: str) -> int:
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(20)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def told(self, name: str) -> str:
        return self.log(name).read_text() if self.log(name).exists() else ""

    def token(self, *words: str) -> str:
        return self.fireline("token", "new", *words).out

    def access(self, text: str = ACCESS) -> None:
        """Saves access.yaml as an editor does; returns when the broker has judged it."""
        keys = {
            name: (self.folder / f"{name}.pub").read_text().strip() for name in ("alice", "bob")
        }
        beside = self.state / "access.yaml~"
        beside.write_text(text.format(me=ME, **keys))
        wanted = [hashlib.sha256(beside.read_bytes()).hexdigest(), "rules_refused"]
        before = len(self.journal())
        beside.rename(self.state / "access.yaml")
        if wanted[0] in [line for line in self.journal() if '"rules_loaded"' in line][-1]:
            return  # a bad edit taken back: what is in force already
        until(
            "the broker says what it did with the rules",
            lambda: any(word in line for word in wanted for line in self.journal()[before:]),
            2.5,
        )

    def ssh(self, person: str, *words: str) -> list[str]:
        port = self.said["ssh"]
        return [
            "ssh", "-F", "none", "-p", port, "-i", str(self.folder / person), "-l", person,
            "-o", "IdentitiesOnly=yes", "-o", f'UserKnownHostsFile="{self.folder}/known_hosts"',
            "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "127.0.0.1", *words,
        ]  # fmt: skip

    def journal(self) -> list[str]:
        """The reasons in the broker's own journal, as its store keeps them."""
        with contextlib.closing(
            sqlite3.connect(f"file:{self.state}/fireline.db?mode=ro", uri=True)
        ) as db:
            found = db.execute("SELECT line FROM records WHERE journal = 'broker' ORDER BY seq")
            return [line if isinstance(line, str) else line.decode() for (line,) in found]


def run(argv: list[str], stdin: str = "") -> Ran:
    ran = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def devices(house: House) -> str:
    """Its devices, as JSON without blanks."""
    return house.fireline("devices", "-output", "json").out.replace(" ", "")
