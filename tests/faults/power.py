"""A real broker at work under strace, and what must hold of each disk that a power cut may leave.

1. Clients note what they saw answered, each with the length of strace's log at that moment.
2. At a moment the disk is laid out as `disk.py` says, the next broker's recovery runs on it, and
   everything that had been answered by then is asked for; nothing there may be half or false.
"""

import asyncio
import contextlib
import functools
import hashlib
import json
import os
import random
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from server.audit.chunks import COMMIT, Kind, Reader
from server.audit.journal import BROKER, Journal
from server.audit.verify import verify
from server.store.sqlite import Store
from tests.faults import strace
from tests.faults.disk import Disk
from tests.journeys.rig import SERVER, House

DEVICE = "power-01"
LIMITS = {"reserve_bytes": 1 << 20, "left_open_s": 1}
SCRIPT = b"#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8; do echo line $i of $1; sleep 0.02; done\n"
TICKS = b"for i in $(seq 300); do echo tick $i; sleep 0.02; done; exit\n"
TOKENS = 8
LOOKED_AT = 6
"""Sessions that are verified after a cut, beside those that it interrupted."""


class Answered(NamedTuple):
    """What a client saw: a command of which `line` is a part has ended well, with this digest."""

    moment: int
    line: str
    path: str = ""
    sha256: str = ""


@dataclass
class Work:
    """The broker's folder before its start, all that it did there, and what clients saw."""

    folder: Path
    log: Path
    house: House
    answers: list[Answered] = field(default_factory=list)

    def saw(self, line: str, path: str = "", data: bytes = b"") -> None:
        digest = hashlib.sha256(data).hexdigest() if data else ""
        self.answers.append(Answered(self.log.stat().st_size, line, path, digest))


def work(place: Path, turns: int, program: Sequence[str] = SERVER) -> Work:
    """A house in which clients are at work for so many turns, to its end."""
    house = House(place / "house", LIMITS, program=program)
    house.make()
    done = Work(house.home, place / "calls.log", house)
    subprocess.run(["cp", "-a", house.home, place / "before"], check=True)
    house.under = strace.under(done.log)
    house.start_broker()
    try:
        house.start_shim(DEVICE)
        files = place / "files"
        files.mkdir()
        going = threading.Semaphore(0)
        other = threading.Thread(target=_operate, args=(done, turns, going))
        other.start()
        shell = subprocess.Popen(
            house.ssh(f"shell {DEVICE}", "-tt"),
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert shell.stdin is not None
        shell.stdin.write(TICKS)
        shell.stdin.flush()
        try:
            for turn in range(turns):
                going.release()
                _turn(done, files, turn)
        finally:
            going.release(turns)
            other.join()
            shell.communicate()
    finally:
        house.__exit__()
    return done


def _operate(done: Work, turns: int, going: threading.Semaphore) -> None:
    """Beside each turn some tokens are made."""
    for number in range(turns * TOKENS):
        if number % TOKENS == 0:
            going.acquire()
        line = f"token new -names p{number:04}"
        status, said = done.house.admin(line)
        assert status == 0, said
        done.saw(line)


def _turn(done: Work, files: Path, turn: int) -> None:
    """A getfile, a new file of the library, a putfile and a run, each seen to succeed."""
    chance = random.Random(turn)
    data = chance.randbytes(chance.choice((1, 500, 5_000, 60_000, 400_000)))
    taken, put, name = files / f"taken-{turn}", files / f"put-{turn}", f"file-{turn}.sh"
    taken.write_bytes(data)
    _answered(done, f"on {DEVICE} getfile {taken}")
    done.saw(f"getfile {taken}", str(taken), data)
    script = SCRIPT + data.hex()[:2000].encode().join((b"# ", b"\n"))
    _answered(done, f"library add {name}", script)
    done.saw(f"library add {name}", name, script)
    _answered(done, f"on {DEVICE} putfile {name} -path {put}")
    done.saw(f"putfile {name} -path {put}")
    _answered(done, f"on {DEVICE} run {name} {turn}")
    done.saw(f"run {name} {turn}")


def _answered(done: Work, line: str, stdin: bytes = b"") -> None:
    ran = done.house.run(line, stdin=stdin)
    assert ran.status == 0, f"{line}: {ran}\n{done.house.log('broker')}"


class Cut(NamedTuple):
    """One power cut: its number, when it was and what had been written to recordings by then."""

    number: int
    moment: int
    recordings: dict[str, bytes]

    def __str__(self) -> str:
        return f"cut {self.number} at {self.moment:,}"


def cuts(done: Work, count: int, seed: int, place: Path) -> Iterator[Cut]:
    """So many power cuts, in order of time; the disk after each lies in `place` until the next."""
    chance = random.Random(seed)
    moments = [chance.choice(done.answers).moment for _ in range(count // 2)]
    whole = done.log.stat().st_size
    moments += [chance.randrange(whole) for _ in range(count - len(moments))]
    waiting = list(enumerate(sorted(moments)))
    folder = _as_it_was(done)
    disk = Disk(folder)
    for call in strace.calls(done.log, done.folder):
        while waiting and waiting[0][1] < call.ended:
            number, moment = waiting.pop(0)
            yield _cut(disk, number, moment, chance, place)
        disk.follow(call)
    for number, moment in waiting:
        yield _cut(disk, number, moment, chance, place)
    assert disk.checkpoints, "no checkpoint was made: the work was too little"


def _as_it_was(done: Work) -> Path:
    """The folder as before the broker's start, at its own place."""
    after = done.folder.with_name("after")
    if not after.exists():
        done.folder.rename(after)
        subprocess.run(["cp", "-a", done.log.with_name("before"), done.folder], check=True)
    return done.folder


def _cut(disk: Disk, number: int, moment: int, chance: random.Random, place: Path) -> Cut:
    subprocess.run(["rm", "-rf", place], check=True)
    disk.cut(place, chance)
    return Cut(number, moment, disk.recordings())


async def check(cut: Cut, answers: Sequence[Answered], place: Path) -> None:
    """The next broker's start, and everything that must hold then."""
    _recordings_hold(cut, place)
    store = await Store.open(place / "fireline.db")
    journal = await Journal.open(store, place)
    try:
        found = await journal.recover("after the cut")
        assert await journal.recover("once more") == [], cut
        rows = await store.read(rows_of)
        answered = [one for one in answers if one.moment <= cut.moment]
        answers_hold(str(cut), answered, rows, place)
        sessions = [row["session"] for row in rows["session_begun"]]
        chosen = {one.session for one in found}
        chosen |= set(random.Random(cut.number).sample(sessions, min(LOOKED_AT, len(sessions))))
        for session in (BROKER, *sorted(chosen)):
            verdict = await verify(journal, session)
            assert verdict.ok, f"{cut}: {session}: {verdict.lines}"
    finally:
        await journal.close()
        await store.close()
        await asyncio.to_thread(_quick_check, cut, place)


def _quick_check(cut: Cut, place: Path) -> None:
    with contextlib.closing(sqlite3.connect(place / "fireline.db")) as store:
        assert store.execute("PRAGMA quick_check").fetchall() == [("ok",)], cut


def rows_of(store: sqlite3.Connection) -> dict[str, list[dict[str, Any]]]:
    """What the store says that was done, by kind."""
    found: dict[str, list[dict[str, Any]]] = {
        kind: [] for kind in ("session_begun", "command_typed", "ended", "evidence_taken")
    }
    for kind, line in store.execute("SELECT kind, line FROM records"):
        if kind in found:
            found[kind].append(json.loads(line))
    found["tokens"] = [
        {"names": row[0]} for row in store.execute("SELECT name_pattern FROM tokens")
    ]
    found["library"] = [
        {"name": row[0], "sha256": row[1]}
        for row in store.execute("SELECT name, sha256 FROM library_versions")
    ]
    return found


def answers_hold(
    when: str, answers: Sequence[Answered], rows: dict[str, list[dict[str, Any]]], place: Path
) -> None:
    """Each has its records, its file and its bytes; and no record names what is not there."""
    typed = {row["line"]: (row["journal"], row["number"]) for row in rows["command_typed"]}
    ended = {(row["journal"], row["number"]): row["state"] for row in rows["ended"]}
    taken = {(row["path"], row["sha256"]) for row in rows["evidence_taken"]}
    names = {row["names"] for row in rows["tokens"]}
    library = {(row["name"], row["sha256"]) for row in rows["library"]}
    for row in rows["evidence_taken"]:
        _is_there(when, place / "evidence" / row["journal"] / row["name"], row["sha256"])
    for row in rows["library"]:
        _is_there(when, place / "library" / row["sha256"], row["sha256"])
    for one in answers:
        lost = f"{when}: {one.line!r} was answered at {one.moment:,} and is lost"
        assert one.line in typed, lost
        assert ended.get(typed[one.line]) == "completed", lost
        word = one.line.split()[0]
        assert word != "getfile" or (one.path, one.sha256) in taken, lost
        assert word != "library" or (one.path, one.sha256) in library, lost
        assert word != "token" or one.line.split()[-1] in names, lost


def _is_there(when: str, path: Path, sha256: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"
    assert found == sha256, f"{when}: a record names {path}, which is {found}"


def _recordings_hold(cut: Cut, place: Path) -> None:
    """What a commit chunk called safe is there, byte for byte."""
    for name, written in cut.recordings.items():
        safe = committed(written, name, place.parent)
        if safe:
            lies = place / "recordings" / name
            found = lies.read_bytes()[:safe] if lies.exists() else b""
            assert found == written[:safe], f"{cut}: {name} is not there up to its commit {safe:,}"


@functools.lru_cache(4096)
def committed(written: bytes, name: str, place: Path) -> int:
    """How far the last commit chunk says that a recording is safe."""
    safe = 0
    copy = place / name
    copy.write_bytes(written)
    for chunk in Reader(copy):
        if chunk.kind is Kind.COMMIT:
            safe = COMMIT.unpack(chunk.data)[0]
    os.unlink(copy)
    return int(safe)
