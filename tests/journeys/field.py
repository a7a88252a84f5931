"""The rig of the field reports: one broker and this machine, and scripts given to its library."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.doors.rig import Ran
from tests.journeys.rig import House
from tests.journeys.screen import Screen

DEVICE = "web-01"
ARGUMENTS = "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"


@dataclass
class Field:
    """What the cases do: through stock clients only."""

    house: House

    def add(self, name: str, data: str | bytes) -> None:
        """A new version in the library."""
        data = data.encode() if isinstance(data, str) else data
        added = self.house.run(f"library add {name}", stdin=data)
        assert added.status == 0, added.err

    def on(self, line: str, *options: str) -> Ran:
        """One command on the device by exec."""
        return self.house.run(f"on {DEVICE} {line}", *options)

    def raw(self, line: str) -> "subprocess.CompletedProcess[bytes]":
        """The same, with the bytes as they came."""
        return subprocess.run(
            self.house.ssh(f"on {DEVICE} {line}"), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=60,
        )  # fmt: skip

    def rows(self, line: str) -> list[dict[str, Any]]:
        """A command's JSON."""
        ran = self.on(f"{line} -output json")
        assert ran.status == 0, ran.err
        return list(json.loads(ran.out))

    def row(self, line: str) -> dict[str, Any]:
        (row,) = self.rows(line)
        return row

    def script(self, name: str, data: str | bytes, more: str = "") -> Ran:
        """Adds a script and runs it."""
        self.add(name, data)
        return self.on(f"run {name} {more}")

    def arguments(self, more: str) -> list[str]:
        """What reaches a script, as it says itself."""
        ran = self.on(f"run args.py {more}")
        assert ran.status == 0, ran.err
        return list(json.loads(ran.out))

    def lines(self, text: str) -> Ran:
        """A session's lines on standard input."""
        return self.house.run(f"connect {DEVICE}", stdin=text.encode("utf-8", "surrogateescape"))

    def session(self) -> str:
        """The session that began last."""
        return self.house.sessions()[-1]

    def screen(self, columns: int = 80, rows: int = 24) -> Screen:
        """A console on the device."""
        return Screen(self.house.ssh(f"connect {DEVICE}", "-t"), columns, rows)

    def client(self, program: str, *words: str, stdin: str = "") -> Ran:
        """sftp or scp with the house's settings."""
        ran = subprocess.run(
            [program, "-F", str(self.house.state / "ssh_config"), *words],
            input=stdin.encode("utf-8", "surrogateescape"), capture_output=True, timeout=60,
        )  # fmt: skip
        out, err = (text.decode("utf-8", "surrogateescape") for text in (ran.stdout, ran.stderr))
        return Ran(ran.returncode, out, err)


def far(path: Path) -> str:
    """A path of the device as sftp and scp see it."""
    return f"/devices/{DEVICE}/root{path}"


def quoted(text: object) -> str:
    """A word of the line's grammar that means exactly this text."""
    words = str(text).split("'")
    return '''"'"'''.join(f"'{word}'" for word in words)
