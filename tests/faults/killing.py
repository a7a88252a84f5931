"""Rounds of kill -9: one does one thing through the stock ssh, and one process is killed in it.

What was killed is started again, and everything that was ever acknowledged must be there.
"""

import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.journeys.rig import House, until

THINGS = ("getfile", "putfile", "run", "shell")
VICTIMS = ("broker", "supervisor", "worker", "client")
DEVICE = "killed-01"
SCRIPT = """\
#!/bin/sh
echo begun
setsid sleep 3000 >/dev/null 2>&1 &
i=0
while [ $i -lt 40 ]; do echo "line $i of $1"; i=$((i+1)); sleep 0.01; done
echo whole > "$2.partial" && mv "$2.partial" "$2"
echo ended
"""


@dataclass
class Round:
    """What one round did and what its client saw."""

    number: int
    what: str
    victim: str
    name: str
    moment: float
    """Below 0: before its start is recorded; else the part of what it takes undisturbed."""
    seen: Callable[[], bool] | None = None
    """What is waited for in place of a moment."""
    status: int = -1
    out: bytes = b""
    err: bytes = b""
    struck: bool = False

    def __str__(self) -> str:
        return (
            f"round {self.number}: {self.victim} killed at {self.moment:.2f} of "
            f"{self.what} ({'while it ran' if self.struck else 'after it'}), status {self.status}, "
            f"{self.out[-200:]!r} {self.err[-300:]!r}"
        )


@dataclass
class Rounds:
    """The house in which the rounds are, and all that was acknowledged in them."""

    house: House
    work: Path
    blob: bytes
    taken: dict[str, str] = field(default_factory=dict)
    """Path on the device -> digest, of every getfile that a client saw succeed."""
    put: dict[str, str] = field(default_factory=dict)
    verified: set[str] = field(default_factory=set)
    digests: dict[tuple[int, ...], str] = field(default_factory=dict)
    """What each file held, by all that would be another if it had been written since."""
    begun: int = 0
    """Commands that had started before this round."""
    takes: dict[str, float] = field(default_factory=dict)
    """What each thing takes undisturbed, in seconds."""

    def prepare(self) -> None:
        """The library's files, and a source on the device."""
        self.house.start_shim(DEVICE)
        for name, data in (("blob.bin", self.blob), ("rounds.sh", SCRIPT.encode())):
            ran = self.house.run(f"library add {name}", stdin=data)
            assert ran.status == 0, ran.err
        (self.work / "source").write_bytes(self.blob)

    def measure(self) -> None:
        """Each thing once, undisturbed."""
        for what in THINGS:
            one = Round(-1, what, "nobody", f"undisturbed-{what}", 0)
            self.play(one)
            assert one.status == 0, str(one)
            session = self.check(one)[-1]
            self.takes[what] = self.house.of_kind("ended", session)[0]["took_ms"] / 1000

    def line(self, what: str, name: str) -> str:
        """The exec of a round; its paths are this round's own."""
        path = self.work / name
        match what:
            case "getfile":
                os.link(self.work / "source", path)
                return f"on {DEVICE} getfile {path}"
            case "putfile":
                return f"on {DEVICE} putfile blob.bin -path {path}"
            case "run":
                return f"on {DEVICE} run rounds.sh {name} {path}"
            case _:
                return f"shell {DEVICE}"

    def play(self, one: Round) -> None:
        """Does it, kills, starts again, waits for the client's end."""
        self.begun = self.house.started()
        options = ["-tt"] if one.what == "shell" else []
        place = self.work / one.name
        with (
            place.with_suffix(".out").open("wb+") as out,
            place.with_suffix(".err").open("wb+") as err,
        ):
            client = subprocess.Popen(
                self.house.ssh(self.line(one.what, one.name), *options),
                stdin=subprocess.PIPE, stdout=out, stderr=err,
            )  # fmt: skip
            assert client.stdin is not None
            if one.what == "shell":
                client.stdin.write(_typed(one.name))
                client.stdin.flush()
            one.struck = self._strike(one, client)
            if one.victim != "nobody":
                _close(client)
            one.status = client.wait(30)
            _close(client)
            out.seek(0)
            err.seek(0)
            one.out, one.err = out.read(), err.read()

    def _strike(self, one: Round, client: "subprocess.Popen[bytes]") -> bool:
        """Kills the victim at the moment; whether the client was still waiting then."""
        house = self.house
        self._wait_for_moment(one, client)
        waiting = client.poll() is None
        match one.victim:
            case "nobody":
                pass
            case "client":
                client.kill()
            case "broker":
                house.kill_broker()
                house.start_broker()
                house.wait_online(DEVICE)
            case "supervisor":
                house.kill_shim(DEVICE)
                house.start_shim(DEVICE)
            case _:
                return self._kill_worker(client) and waiting
        return waiting

    def _wait_for_moment(self, one: Round, client: "subprocess.Popen[bytes]") -> None:
        if one.moment < 0:
            # The client's own start takes about this long; nothing may have begun.
            wait = 0.3 * (1 + one.moment)
        else:
            while self.house.started() == self.begun and client.poll() is None:
                time.sleep(0.003)
            wait = one.moment * self.takes.get(one.what, 0)
        end = time.monotonic() + wait
        while client.poll() is None and not (one.seen() if one.seen else time.monotonic() > end):
            time.sleep(0.001)

    def _kill_worker(self, client: "subprocess.Popen[bytes]") -> bool:
        shim = self.house.shims[DEVICE]
        while client.poll() is None:
            for worker in shim.workers():
                try:
                    worker.kill()
                except psutil.NoSuchProcess:
                    continue
                return True
            time.sleep(0.001)
        return False

    # What must hold after each round.
    def check(self, one: Round) -> list[str]:
        """Everything of section 8 and of the journal, for this round and for all before it.

        The round's sessions on the device.
        """
        house = self.house
        self._wait_ended()
        self.noted(one)
        self.is_there(str(one))
        self._no_halves(one)
        begun = [s for s in house.of_kind("session_begun") if s["person"] == "alice"]
        fresh = [s["session"] for s in begun if s["session"] not in self.verified]
        self._states(one, fresh)
        self.verify(set(fresh) | ({"broker"} if one.victim == "broker" else set()), str(one))
        return [s["session"] for s in begun if s["session"] in fresh and s["device"] == DEVICE]

    def is_there(self, when: str) -> None:
        """Everything that was ever acknowledged."""
        evidence = self._evidence()
        for path, digest in self.taken.items():
            assert (path, digest) in evidence, f"{path} was acknowledged and is lost; {when}"
        for path, digest in self.put.items():
            found = self._sha256(Path(path))
            assert found == digest, f"{path} was acknowledged and is not there; {when}"

    def verify(self, sessions: set[str], when: str) -> None:
        """Each is listed and verifies; the broker's own journal where it is among them."""
        for session in sorted(sessions):
            status, said = self.house.admin(f"verify {session}")
            assert status == 0, f"{session}: {said}; {when}"
        listed = {row["session"]: row["state"] for row in self.house.rows("sessions -desk")}
        states = {listed.get(session) for session in sessions - {"broker"}}
        assert states <= {"ended", "interrupted"}, listed
        self.verified |= sessions

    def noted(self, one: Round) -> None:
        """Remembers what the client saw acknowledged."""
        path = str(self.work / one.name)
        digest = hashlib.sha256(self.blob).hexdigest()
        if one.status == 0 and one.what == "getfile":
            self.taken[path] = digest
        elif one.status == 0 and one.what == "putfile":
            self.put[path] = digest
        elif one.status == 0 and one.what == "run":
            assert (self.work / one.name).read_text() == "whole\n", f"a false success; {one}"
            assert one.out.endswith(b"line 39 of %s\nended\n" % one.name.encode()), str(one)

    def _wait_ended(self) -> None:
        """Until no session is open and the device holds nothing of one."""
        house, shim = self.house, self.house.shims[DEVICE]

        def open_sessions() -> set[str]:
            sealed = {record["session"] for record in house.of_kind("session_sealed")}
            return set(house.sessions()) - sealed

        until(f"every session has ended: {open_sessions()}", lambda: not open_sessions())
        try:
            until("nothing is left on the device", lambda: not shim.left(), 60)
        except AssertionError as error:
            raise AssertionError(f"{error}: {shim.left()}\n{house.log(DEVICE)}") from None

    def _evidence(self) -> set[tuple[str, str]]:
        """Paths and digests of what is taken: recorded, and lying there with that digest."""
        found = set()
        for record in self.house.everywhere("evidence_taken"):
            file = self.house.home / "evidence" / record["journal"] / record["name"]
            assert self._sha256(file) == record["sha256"], f"{file} is not what its record says"
            found.add((record["path"], record["sha256"]))
        return found

    def _sha256(self, path: Path) -> str:
        if not path.exists():
            return "not there"
        facts = path.stat()
        key = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        if key not in self.digests:
            self.digests[key] = hashlib.sha256(path.read_bytes()).hexdigest()
        return self.digests[key]

    def _no_halves(self, one: Round) -> None:
        """A target is whole or not there; no temporary file beside it."""
        names = {p.name for p in self.work.iterdir() if p.suffix not in (".out", ".err")}
        strange = {name for name in names if name.startswith(".") or "fireline" in name}
        assert not strange, f"temporary files are left: {strange}; {one}"
        target = self.work / one.name
        if one.what == "putfile" and target.exists():
            assert target.read_bytes() == self.blob, f"half a file at its target; {one}"

    def _states(self, one: Round, sessions: list[str]) -> None:
        """Every command that started has an end; an unknown one says so, a success was one."""
        states = set()
        for session in sessions:
            records = self.house.records(session)
            started = {r["number"]: r for r in records if r["kind"] == "started"}
            ended = {r["number"]: r for r in records if r["kind"] == "ended"}
            assert started.keys() <= ended.keys(), f"{session} has a command without an end; {one}"
            for number, end in ended.items():
                _end_is_true(end, started.get(number), one)
                states.add(end["state"])
        if one.status == 0:
            assert "completed" in states, f"the client saw success, the journal has none; {one}"

    def shown_is_recorded(self, one: Round) -> None:
        """Each line that a shell's client got lies in a recording."""
        recorded = b"".join(self.house.recorded(s) for s in self.house.sessions())
        for line in one.out.splitlines():
            if line.startswith(b"tick "):
                assert line in recorded, f"{line!r} was shown and is not recorded; {one}"


def _end_is_true(end: dict[str, Any], started: dict[str, Any] | None, one: Round) -> None:
    not_begun = "not start" in end["message"] or "nothing ran" in end["message"]
    if one.victim == "client":
        assert end["state"] in ("completed", "cancelled"), f"{end}; {one}"
    elif one.victim in VICTIMS and not not_begun:
        assert end["state"] in ("completed", "interrupted"), f"{end}; {one}"
    if end["state"] == "interrupted" and started is not None and started["device_change"]:
        assert "outcome unknown" in end["message"], f"{end}; {one}"
    if end["state"] != "completed":
        assert end["status"] != 0, f"{end}; {one}"


def _typed(name: str) -> bytes:
    """What a person types into the round's shell: something that stays, and something to see."""
    return (
        b"setsid sleep 3000 & \n"
        b"i=0; while [ $i -lt 60 ]; do echo tick $i of %s; i=$((i+1)); sleep 0.01; done; exit\n"
        % name.encode()
    )


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _close(client: "subprocess.Popen[bytes]") -> None:
    assert client.stdin is not None
    try:
        client.stdin.close()
    except BrokenPipeError:
        return  # it is gone, as it was to be
