"""One broker and its devices, each a process of its own below one folder; killed and started again.

1. Ports stay the same over a restart; processes are ended by their own pid.
2. What is known of the broker is what its clients, its admin socket and its files say.
3. `program` may name another program than ours: a build that is broken on purpose.
"""

import contextlib
import functools
import getpass
import json
import os
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from commands.language.enrolment import parse_token
from endpoint_shim.enrol import enroll
from server.audit.chunks import Kind, Reader
from server.identity.host_key import known_hosts_line, load_host_key
from server.operator.admin_client import capture
from server.operator.demo_state import HOST, PEOPLE
from server.operator.init import make_state
from server.operator.processes import READY_FD
from tests.doors.rig import Ran, make_key

UP_S = 20.0
SERVER = ("-m", "server")
SHIM = ("-m", "endpoint_shim")
RULES = """\
people:
  alice: {{keys: ["{alice}"]}}
  bob: {{keys: ["{bob}"]}}
  carol: {{keys: ["{carol}"]}}
  operator: {{accounts: [{account}]}}
rules:
  - {{name: all, people: [alice], role: advanced, devices: all, rights: {{library: write}}}}
  - {{name: look, people: [bob], role: basic, devices: all}}
  - {{name: audit, people: [carol, operator], role: auditor, devices: all}}
  - {{name: operate, people: [operator], role: operator, devices: all}}
"""


def workers_of(supervisor: int) -> list[psutil.Process]:
    """The workers of a shim: the children of its seed (endpoint_shim/linux/seed.py)."""
    seeds = [one for one in psutil.Process(supervisor).children() if "seed" in one.cmdline()]
    return [worker for seed in seeds for worker in seed.children()]


def until(
    what: str, ready: Callable[[], object], seconds: float = UP_S, *, every: float = 0.02
) -> None:
    """Looks until it is so; says what was waited for."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(every)


@dataclass
class Shim:
    """A device of the house: its folder and its supervisor's process."""

    name: str
    state: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def supervisor(self) -> psutil.Process:
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def workers(self) -> list[psutil.Process]:
        """Its workers now: what grew from its seed."""
        try:
            return workers_of(self.supervisor.pid)
        except psutil.NoSuchProcess:
            return []

    def left(self) -> list[str]:
        """What a session leaves on the device, other than nothing."""
        folder = self.state / "sessions"
        found = [f"session folder {p.name}" for p in folder.iterdir()] if folder.exists() else []
        group = _group_name(self.state)
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            with contextlib.suppress(OSError, psutil.NoSuchProcess):  # it ends meanwhile
                if f"{group}/" in Path(f"/proc/{pid}/cgroup").read_text():
                    found.append(f"process {pid} {psutil.Process(int(pid)).status()}")
        return found


@dataclass
class House:
    """The broker, its people and its devices."""

    state: Path
    limits: Mapping[str, float] = field(default_factory=dict)
    shims: dict[str, Shim] = field(default_factory=dict)
    broker: "subprocess.Popen[bytes] | None" = None
    program: Sequence[str] = SERVER
    shim_program: Sequence[str] = SHIM
    device_host: str = "127.0.0.1"
    """Where devices reach the broker."""
    shim_under: Sequence[str] = ()
    """What shims are started by: a network namespace."""
    under: Sequence[str] = ()
    """What the broker is started by: strace, which lets it be the child that is waited for."""

    def __enter__(self) -> "House":
        self.make()
        self.start_broker()
        return self

    def __exit__(self, *_: object) -> None:
        for shim in self.shims.values():  # all at once; the broker after them
            if shim.process is not None and shim.process.poll() is None:
                shim.process.terminate()
        for process in [*(shim.process for shim in self.shims.values()), self.broker]:
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    @property
    def home(self) -> Path:
        """The broker's state folder."""
        return self.state / "broker"

    def make(self) -> None:
        """Keys, rules, settings on free ports, and an ssh_config as the demo writes it."""
        self.state.mkdir(mode=0o700)
        keys = {name: make_key(self.state, name) for name in PEOPLE.values()}
        rules = RULES.format(account=getpass.getuser(), **keys)
        ssh, devices, enrolment = _free_ports(3)
        make_state(
            self.home, host="127.0.0.1", ssh=ssh, devices=devices, enrolment=enrolment,
            names=[self.device_host], rules=rules, device_host=self.device_host,
        )  # fmt: skip
        with (self.home / "fireline.toml").open("a") as settings:
            settings.write("[limits]\n")
            settings.writelines(f"{name} = {value}\n" for name, value in self.limits.items())
        known = self.state / "known_hosts"
        known.write_text(known_hosts_line("127.0.0.1", ssh, load_host_key(self.home)))
        blocks = [
            HOST.format(host=host, port=ssh, person=person, key=self.state / person, known=known)
            for host, person in PEOPLE.items()
        ]
        (self.state / "ssh_config").write_text("\n".join(blocks))

    # The broker.
    def start_broker(self) -> None:
        """Returns when its doors are open."""
        ready, told = os.pipe()
        argv = [*self.program, "--state", str(self.home), "serve"]
        self.broker = self._spawn(argv, "broker", {READY_FD: str(told)}, (told,), self.under)
        os.close(told)
        with os.fdopen(ready, "rb") as answers:
            if not select.select([answers], [], [], UP_S)[0] or not answers.readline():
                raise AssertionError(f"the broker did not start:\n{self.log('broker')}")

    def kill_broker(self) -> None:
        assert self.broker is not None
        _kill(self.broker)

    def broker_kib(self) -> int:
        """The broker's resident memory."""
        assert self.broker is not None
        return int(psutil.Process(self.broker.pid).memory_info().rss) >> 10

    def admin(self, line: str) -> tuple[int, str]:
        """A line of the operator (who may audit too)."""
        status, out = capture(self.home / "admin.sock", line)
        return status, out.decode()

    def rows(self, line: str) -> list[dict[str, Any]]:
        status, out = self.admin(f"{line} -output json")
        assert status == 0, out
        return list(json.loads(out))

    # Devices.
    def token(self, names: str = "*", more: str = "") -> str:
        """An enrolment token."""
        status, out = self.admin(f"token new -names {names} {more}")
        found = re.search(r"fl1\.[\w-]+", out)
        assert status == 0 and found is not None, out
        return found[0]

    def enrol(self, name: str) -> Shim:
        """A new device's identity; its shim is not started."""
        shim = self.shims[name] = Shim(name, self.state / name)
        text = self.token(name)
        if self.shim_under:
            words = ["enroll", "--state", str(shim.state), "--name", name]
            enrolled = subprocess.run(
                [*self.shim_under, sys.executable, "-I", *SHIM, *words],
                input=text.encode(), capture_output=True, check=False,
            )  # fmt: skip
            assert enrolled.returncode == 0, enrolled.stderr.decode()
        else:  # the same without a program's start, 0.2 s; in a thread, for it brings its own loop
            with ThreadPoolExecutor(1) as thread:
                thread.submit(enroll, shim.state, parse_token(text), name).result()
        return shim

    def start_shim(self, name: str) -> Shim:
        """Returns when it is online."""
        shim = self.shims.get(name) or self.enrol(name)
        argv = [*self.shim_program, "run", "--state", str(shim.state)]
        before = len(self.records())
        shim.process = self._spawn(argv, name, {}, (), self.shim_under)
        self.wait_online(name, before)
        return shim

    def kill_shim(self, name: str) -> None:
        process = self.shims[name].process
        assert process is not None
        _kill(process)

    def online(self, name: str, after: int = 0) -> bool:
        """Whether its line is up, as the records after number `after` of this broker say."""
        last = ""
        for record in self.records()[after:]:
            if record["kind"] == "broker_started":
                last = ""
            elif record.get("name") == name and record["kind"] in ("line_up", "line_lost"):
                last = record["kind"]
        return last == "line_up"

    def wait_online(self, name: str, after: int = 0) -> None:
        until(f"{name} is online:\n{self.log(name)}", lambda: self.online(name, after))

    # Clients.
    def ssh(self, line: str, *options: str, host: str = "fireline") -> list[str]:
        """The stock client's command line."""
        return ["ssh", "-F", str(self.state / "ssh_config"), *options, host, line]

    def run(
        self,
        line: str,
        *options: str,
        host: str = "fireline",
        stdin: bytes = b"",
        limit: float = 60,
    ) -> Ran:
        """One exec, to its end."""
        argv = self.ssh(line, *options, host=host)
        ran = subprocess.run(argv, input=stdin, capture_output=True, timeout=limit, check=False)
        out, err = (text.decode("utf-8", "backslashreplace") for text in (ran.stdout, ran.stderr))
        return Ran(ran.returncode, out, err)

    # What the broker's files say.
    def records(self, journal: str = "broker") -> list[dict[str, Any]]:
        """The records of a journal as they are in the store now."""
        return self._lines("journal = ?", journal)

    def started(self) -> int:
        """How many commands have started so far; cheap."""
        place = f"file:{self.home}/fireline.db?mode=ro"
        with contextlib.closing(sqlite3.connect(place, uri=True)) as store:
            found = store.execute("SELECT count(*) FROM records WHERE kind = 'started'").fetchone()
            return int(found[0])

    def of_kind(self, kind: str, journal: str = "broker") -> list[dict[str, Any]]:
        return self._lines("journal = ? AND kind = ?", journal, kind)

    def everywhere(self, kind: str) -> list[dict[str, Any]]:
        """The records of a kind in all journals."""
        return self._lines("kind = ?", kind)

    def _lines(self, where: str, *values: str) -> list[dict[str, Any]]:
        place = f"file:{self.home}/fireline.db?mode=ro"
        with contextlib.closing(sqlite3.connect(place, uri=True)) as store:
            found = store.execute(f"SELECT line FROM records WHERE {where} ORDER BY seq", values)
            return [json.loads(line) for (line,) in found]

    def sessions(self) -> list[str]:
        """Every session that ever began."""
        return [record["session"] for record in self.of_kind("session_begun")]

    def recorded(self, session: str, kind: Kind = Kind.OUTPUT) -> bytes:
        """What a session's recording holds of one kind."""
        chunks = Reader(self.home / "recordings" / f"{session}.rec")
        return b"".join(chunk.data for chunk in chunks if chunk.kind is kind)

    def log(self, name: str) -> str:
        """The end of a process's own log."""
        path = self.state / f"{name}.log"
        return path.read_text("utf-8", "replace")[-3000:] if path.exists() else ""

    def _spawn(
        self,
        argv: Sequence[str],
        name: str,
        more: Mapping[str, str],
        descriptors: tuple[int, ...],
        under: Sequence[str] = (),
    ) -> "subprocess.Popen[bytes]":
        with (self.state / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [*under, sys.executable, "-I", *argv],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, pass_fds=descriptors, env={**os.environ, **more},
            )  # fmt: skip


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


@functools.cache
def _group_name(state: Path) -> str:
    from endpoint_shim.linux.cgroup import Cgroups, cgroups

    found = cgroups(state)
    return found._root.name if isinstance(found, Cgroups) else "no such group"


def _free_ports(count: int) -> list[int]:
    """Ports that are free now; held together, so that none comes twice."""
    with contextlib.ExitStack() as held:
        found = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in found]
