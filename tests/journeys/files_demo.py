"""A demo of the test's own (broker, and this machine as its device), and what it left in files."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from server.audit.chunks import Kind, Reader
from server.live.file_record import FileChunk
from tests.doors.rig import Ran


@dataclass
class Demo:
    """A broker and this machine as its one device."""

    state: Path
    device: str = ""

    def client(self, program: str, *words: str, stdin: bytes = b"") -> Ran:
        """A stock client to its end, with the demo's configuration."""
        argv = [program, "-F", str(self.state / "ssh_config"), *words]
        ran = subprocess.run(argv, input=stdin, capture_output=True, timeout=60, check=False)
        out, err = (text.decode("utf-8", "backslashreplace") for text in (ran.stdout, ran.stderr))
        return Ran(ran.returncode, out, err)

    def sftp(self, *lines: str, host: str = "fireline") -> Ran:
        return self.client("sftp", "-q", "-b", "-", host, stdin="\n".join(lines).encode() + b"\n")

    def at(self, path: Path) -> str:
        """A path of this machine as it is in the tree."""
        return f"/devices/{self.device}/root{path}"

    def chunks(self) -> list[FileChunk]:
        """What all recordings hold of files."""
        return [
            msgspec.json.decode(chunk.data, type=FileChunk)
            for recording in sorted((self.state / "broker" / "recordings").glob("*.rec"))
            for chunk in Reader(recording)
            if chunk.kind is Kind.FILE
        ]

    def pid(self, which: int) -> int:
        """Of the broker (0) or the shim (1)."""
        return int(json.loads((self.state / "running.json").read_text())[which]["pid"])

    def broker_kib(self) -> int:
        """The broker's resident memory."""
        status = Path(f"/proc/{self.pid(0)}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])


def demo_program(what: str, state: Path) -> None:
    argv = [sys.executable, "-I", "-m", "server.operator.demo", what, "--state", str(state)]
    subprocess.run(argv, check=True, timeout=90, capture_output=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo") / "state")
    demo_program("up", demo.state)
    try:
        rows = json.loads(demo.client("ssh", "fireline", "devices -output json").out)
        demo.device = rows[0]["name"]
        yield demo
    finally:
        demo_program("down", demo.state)


@pytest.fixture
def change_rules(demo: Demo) -> Iterator[Callable[[str, str], None]]:
    """Replaces a text of the rules until the test ends; the broker follows by itself."""
    file = demo.state / "broker" / "access.yaml"
    before = file.read_text()

    def change(old: str, new: str) -> None:
        assert old in before
        file.write_text(before.replace(old, new, 1))

    yield change
    file.write_text(before)
    until(lambda: demo.client("ssh", "fireline", f"on {demo.device} pwd").status == 0)


def until(holds: Callable[[], bool]) -> None:
    """Asks again for at most thirty seconds: nobody tells a client that rules were loaded."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
