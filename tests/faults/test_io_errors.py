"""EIO and ENOSPC at the k-th write and fsync of a broker at work: no false success, nothing lost.

1. A case starts the real broker under strace, which fails one call of each of its threads, and lets
   real clients work until that has happened.
2. Whatever then became of the broker, everything that a client ever saw succeed is there after its
   next start, and every session verifies. A broker that ends says in a sentence why.
3. The rig is trusted because the broker in `broken/`, broken on purpose, fails it.
"""

import asyncio
import hashlib
import itertools
import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from commands.language.errors import FirelineError
from server.audit.journal import BROKER, Journal
from server.audit.verify import verify
from server.store.sqlite import Store
from tests.faults.power import Answered, answers_hold, rows_of
from tests.journeys.rig import SERVER, House
from tests.soaking import within

pytestmark = [pytest.mark.needs("ssh", "strace"), pytest.mark.timeout(300), pytest.mark.slow]

DEVICE = "errors-01"
LIMITS = {"reserve_bytes": 1 << 20, "left_open_s": 0.2}
CALLS = {
    "store": ["pwrite64"],  # nobody but SQLite writes at an offset
    "files": ["write"],  # of recordings, results and evidence: their paths are named
    "fsync": ["fsync", "fdatasync"],
}
ERRORS = ("EIO", "ENOSPC")
KINDS = list(itertools.product(CALLS, ERRORS))
LAST = 50
FAILED = b"the store failed"
TURNS = 12
BROKEN = Path(__file__).parent / "broken" / "acknowledges_anyway.py"


class Fault(NamedTuple):
    """The k-th of a thread's calls fails."""

    calls: str
    error: str
    k: int

    def __str__(self) -> str:
        return f"{self.error} at {self.calls} {self.k}"

    def under(self, house: House, log: Path, first: int) -> list[str]:
        """`first` is the number of the next session."""
        names = ",".join(CALLS[self.calls])
        return [
            "strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", str(log), "-e", "signal=none",
            "-e", f"trace={names}", "-e", f"inject={names}:error={self.error}:when={self.k}",
            *(self._paths(house, first) if self.calls == "files" else ()),
        ]  # fmt: skip

    @staticmethod
    def _paths(house: House, first: int) -> Iterator[str]:
        for number in range(first, first + 8 * TURNS):
            yield from ("-P", str(house.home / f"recordings/S{number}.rec"))
            yield from ("-P", str(house.home / f"results/S{number}/1.res"))
            yield from ("-P", str(house.home / f"evidence/incoming/S{number}-1-source"))


@dataclass
class Errors:
    """The house in which the faults are, and all that was answered in it."""

    house: House
    work: Path
    answers: list[Answered] = field(default_factory=list)
    verified: set[str] = field(default_factory=set)
    sessions: int = 0
    program: Sequence[str] = SERVER

    def prepare(self) -> None:
        """A device, and what it gives."""
        self.house.make()
        self.house.start_broker()
        self.house.start_shim(DEVICE)
        (self.work / "source").write_bytes(random.Random(5).randbytes(300_000))
        self.stop()
        self.house.program = self.program

    def stop(self) -> None:
        broker = self.house.broker
        assert broker is not None
        broker.terminate()
        broker.wait(20)

    async def case(self, fault: Fault) -> bool:
        """Whether the fault came at all, and the broker survived it."""
        log = self.work / f"{fault.calls}-{fault.error}-{fault.k}.log"
        self.house.under = fault.under(self.house, log, self.sessions + 1)
        said = self.house.state / "broker.log"
        before = said.stat().st_size if said.exists() else 0
        up = await asyncio.to_thread(self._start)
        if up:
            await asyncio.to_thread(self._work, fault, log)
        broker = self.house.broker
        assert broker is not None
        survived = up and FAILED not in said.read_bytes()[before:]
        if survived:
            await asyncio.to_thread(self.stop)
        await asyncio.to_thread(broker.wait, 20)
        words = said.read_bytes()[before:].decode("utf-8", "replace")
        assert "Traceback" not in words, f"{fault}: {words}"
        if not survived:
            assert broker.returncode not in (0, None) and words, f"{fault}: it ended in silence"
        await self._check(fault)
        return _came(log)

    def _start(self) -> bool:
        try:
            self.house.start_broker()
        except AssertionError:
            return False
        return True

    def _work(self, fault: Fault, log: Path) -> None:
        """Turns until the fault has come, and one more."""
        house = self.house
        for turn in range(TURNS):
            came = _came(log)
            name = f"{fault.calls}-{fault.error}-{fault.k}-{turn}".lower()
            taken = self.work / name / "source"
            taken.parent.mkdir()
            taken.hardlink_to(self.work / "source")
            lines = {
                f"library add {name}": (name, name.encode()),
                f"on {DEVICE} getfile {taken}": (str(taken), taken.read_bytes()),
                f"on {DEVICE} findfile {name} -path {self.work}": ("", b""),
            }
            clients = {line: self._client(line) for line in lines}
            for line, client in clients.items():
                out, err = client.communicate(name.encode(), 60)
                assert b"Traceback" not in err, f"{fault}: {line}: {err!r}"
                assert client.returncode == 0 or err, f"{fault}: {line} fails in silence; {out!r}"
                if client.returncode == 0:
                    self._answered(line.removeprefix(f"on {DEVICE} "), *lines[line])
            if self._admin(f"token new -names {name}") == 0:
                self._answered(f"token new -names {name}")
            if came or (house.broker is not None and house.broker.poll() is not None):
                return

    def _admin(self, line: str) -> int:
        try:
            return self.house.admin(line)[0]
        except (OSError, FirelineError):
            return -1  # there is no broker

    def _client(self, line: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.house.ssh(line),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def _answered(self, line: str, path: str = "", data: bytes = b"") -> None:
        digest = hashlib.sha256(data).hexdigest() if data else ""
        self.answers.append(Answered(0, line, path, digest))

    async def _check(self, fault: Fault) -> None:
        home = self.house.home
        store = await Store.open(home / "fireline.db")
        journal = await Journal.open(store, home)
        try:
            await journal.recover("after the fault")
            rows = await store.read(rows_of)
            answers_hold(str(fault), self.answers, rows, home)
            sessions = {row["session"] for row in rows["session_begun"]}
            for session in (BROKER, *sorted(sessions - self.verified)):
                verdict = await verify(journal, session)
                assert verdict.ok, f"{fault}: {session}: {verdict.lines}"
            self.verified |= sessions
            self.sessions = max((int(name[1:]) for name in sessions), default=0)
        finally:
            await journal.close()
            await store.close()


def _came(log: Path) -> bool:
    return log.exists() and "(INJECTED)" in log.read_text()


@pytest.fixture
def errors(tmp_path: Path) -> Iterator[Errors]:
    house = House(tmp_path / "house", LIMITS)
    work = tmp_path / "work"
    work.mkdir()
    yield Errors(house, work)
    house.__exit__()


async def faults(errors: Errors, chosen: Sequence[Fault]) -> None:
    await asyncio.to_thread(errors.prepare)
    came = [await errors.case(fault) for fault in within(chosen)]
    assert sum(came) >= len(came) // 2, f"only {sum(came)} of {len(came)} faults came"


def plan(half: int) -> list[Fault]:
    """Every k once, the calls and errors in turn; beginning anywhere."""
    turn = int(os.environ.get("FIRELINE_SEED", "0")) or random.SystemRandom().randrange(len(KINDS))
    print(f"FIRELINE_SEED={turn}")
    chosen = [Fault(*KINDS[(k + turn) % len(KINDS)], k) for k in range(1, LAST + 1)]
    return chosen[: LAST // 2] if half == 0 else chosen[LAST // 2 :]


@pytest.mark.parametrize("half", [0, 1])
async def test_an_error_at_any_call_loses_nothing_and_tells_no_lie(
    errors: Errors, half: int
) -> None:
    await faults(errors, plan(half))


async def test_a_broker_that_answers_what_it_could_not_write_is_caught(errors: Errors) -> None:
    errors.program = (str(BROKEN),)
    with pytest.raises(AssertionError, match="was answered at .* and is lost|does not verify"):
        await faults(errors, [Fault("store", "EIO", k) for k in range(20, LAST + 1, 3)])


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_every_error_at_every_call_loses_nothing(errors: Errors) -> None:
    await faults(errors, [Fault(*kind, k) for k in range(1, 4 * LAST + 1) for kind in KINDS])
