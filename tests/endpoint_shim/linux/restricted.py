"""A restricted device to try programs on: in mount and pid namespaces of its own, started by
`unshare`. Nothing outside is marked: not the machine's root, only two mounts that exist in here.

It obeys a line of JSON with a line: a method of Device, its arguments, what came of it.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from endpoint_shim.linux.restrictor import LinuxRestrictor
from endpoint_shim.restrictor import Known, known

WAIT_S = 60.0
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private")


class Device:
    """`place` is a file system of its own, where anybody's programs may lie; `/usr` is as it is."""

    def __init__(self, folder: Path) -> None:
        self.place, self.state = folder / "place", folder / "state"
        for path in (self.place, self.state, self.state / "sessions"):
            path.mkdir(mode=0o700)
        _mount("tmpfs", str(self.place), "tmpfs")
        # A mount that only this namespace has, at the same place: names are the packages' own.
        subprocess.run(["mount", "--bind", "/usr", "/usr"], check=True)
        self.restrictor = LinuxRestrictor(self.state, [Path("/usr"), self.place])

    def start(self) -> dict[str, object]:
        proof = self.restrictor.start(self.known())
        return {"by": proof.by, "sha256": proof.sha256, "notes": proof.notes}

    def known(self) -> Known:
        return known(self.state / "sessions")

    def stop(self) -> None:
        self.restrictor.stop()

    def alive(self) -> bool:
        return self.restrictor.alive()

    def seen(self) -> list[list[str]]:
        return [[one.kind, one.text] for one in self.restrictor.seen()]

    def enforcer(self) -> int:
        """Its pid, in here."""
        assert self.restrictor._process is not None
        return self.restrictor._process.pid

    def signal(self, name: str) -> None:
        os.kill(self.enforcer(), signal.Signals[name])

    def run(self, *argv: str, **named: Any) -> list[object]:
        """Status and output, or the error that the kernel gave."""
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=WAIT_S, check=False, **named
            )
        except OSError as error:
            return [f"errno {error.errno}", ""]
        return [done.returncode, done.stdout + done.stderr]


def _mount(source: str, target: str, kind: str) -> None:
    subprocess.run(["mount", "-t", kind, source, target], check=True)


class Box:
    """Such a device, from outside."""

    def __init__(self, folder: Path) -> None:
        self.place, self.state = folder / "place", folder / "state"
        self._process = subprocess.Popen(
            [*NAMESPACES, sys.executable, "-m", __name__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def ask(self, name: str, *arguments: object, **named: object) -> Any:
        assert self._process.stdin is not None
        print(json.dumps([name, arguments, named]), file=self._process.stdin, flush=True)
        how, answer = self._answer()
        assert how == "done", answer
        return answer

    def run(self, *argv: object, **named: object) -> Any:
        """Status and output, or the error that the kernel gave."""
        return self.ask("run", *map(str, argv), **named)

    def wait_for(self, kind: str, words: str) -> str:
        """A thing seen, within WAIT_S."""
        until = time.monotonic() + WAIT_S
        seen: list[list[str]] = []
        while time.monotonic() < until:
            seen += self.ask("seen")
            for one, text in seen:
                if one == kind and words in text:
                    return str(text)
            time.sleep(0.02)
        raise AssertionError(f"no {kind} {words!r} in {seen}")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(WAIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def main() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    device = Device(Path(sys.argv[1]))
    print(json.dumps(None), flush=True)
    for line in sys.stdin:  # its end ends this, and with it the pid namespace
        name, arguments, named = json.loads(line)
        try:
            answer = ["done", getattr(device, name)(*arguments, **named)]
        except Exception as error:  # told to the test, which fails with it
            answer = ["failed", f"{type(error).__name__}: {error}"]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
