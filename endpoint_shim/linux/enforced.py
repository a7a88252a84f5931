"""The restriction by fanotify, as the guard holds it: an enforcer of its own, kept in view.

1. The enforcer answers for the whole device: one that has not said so for SILENT_S is killed, and
   the kernel lets everything go on that it held.
2. A new one is in force before an old one ends. If nothing was in force between, what started
   then is told, from the last moment that is known.
"""

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from commands.language.errors import Failed
from commands.language.wire_contain import MAX_SEEN, Seen
from endpoint_shim import durable
from endpoint_shim.facts import clock_ms
from endpoint_shim.linux import claim, memfd, probe, proc
from endpoint_shim.linux.enforcement import (
    LONGEST,
    Beat,
    Begin,
    Blocked,
    Broken,
    InForce,
    Worn,
    from_enforcer,
    line,
    send,
)
from endpoint_shim.linux.spawn import ENVIRONMENT
from endpoint_shim.restrictor import Known, Proof

START_S = 30.0
END_S = 5.0
SILENT_S = 2.0
NOTE_S = 2.0
RENEW_S = 30.0
PROGRAM = ("-I", "-m", "endpoint_shim.linux.enforcer")
Kind = Literal["blocked", "unguarded", "started", "note"]
UNSEEN = (
    "not seen, and so not stopped: libraries (LD_PRELOAD, dlopen), code in an interpreter's words "
    "or from a pipe, and scripts that a script reads"
)
UNSEEN_MEMORY = "this kernel does not tell of programs that lie in memory alone (static memfd)"
CLAIM, MOMENT, BEFORE = "enforcer", "enforced-at", "enforced.json"


class Before(msgspec.Struct, frozen=True):
    """What an enforcer found when it began; of one boot."""

    boot: str
    running: list[tuple[int, int]]
    memfd: int | None = None
    """What the kernel's setting was."""


class FanotifyRestrictor:
    """The protocol's Restrictor, by fanotify; `state` is the guard's own folder.

    Of `mounts`, where given, only those are held: tests have their own.
    """

    def __init__(self, state: Path, mounts: Sequence[Path] | None = None) -> None:
        self._state = state
        self._mounts = mounts
        self._process: subprocess.Popen[bytes] | None = None
        self._end: socket.socket | None = None
        self._proof: Proof | None = None
        self._spoke = self._noted = 0.0
        self._in_force_ns = 0
        """When it last said that it is, on the boot clock."""
        self._seen: dict[tuple[Kind, str], tuple[int, int]] = {}
        self._tried = line(os.fsencode(state / probe.NAME)) + " was not started"
        self._lost = 0
        self._broken = ""
        self._memfd_was: int | None = None
        self._known: Known | None = None
        self._worn = False
        self._renewed = float("-inf")

    def start(self, known: Known) -> Proof:
        self._known, self._worn = known, False
        before = self._before()
        since, baseline = self._gap(before)
        memfd_was = memfd.refuse()
        self._memfd_was = memfd_was if before is None else before.memfd
        old, old_end = self._process, self._end
        begin = Begin(
            own=[str(path) for path in known.own],
            mounts=None if self._mounts is None else [str(path) for path in self._mounts],
            claim=str(self._state / CLAIM),
            since_ns=since,
            baseline=baseline,
        )
        self._proof = None
        process, end = _started(begin)
        try:
            self._process, self._end = process, end
            proof = self._wait()
        except Failed:
            self._process, self._end = old, old_end
            _finish(process, end)
            raise
        if old is not None and old_end is not None:
            _finish(old, old_end, END_S)
        if self._mounts is None and not probe.is_refused(self._state, 0):
            self.stop()
            raise Failed(
                "the restriction is not in force: the kernel took the marks, and a program that "
                "nobody knows started all the same"
            )
        return proof

    def stop(self) -> None:
        process = self._process
        self.leave()
        if not claim.end(self._state / CLAIM, END_S) and process is not None:
            process.kill()
        if process is not None:
            _reap(process)
        before = self._before()
        was = before.memfd if before is not None else None
        if was is not None and not memfd.restore(was):
            self._add("note", f"{memfd.SETTING} stays {memfd.REFUSED} until the next boot")
        self._in_force_ns = 0
        for name in (MOMENT, BEFORE):
            (self._state / name).unlink(missing_ok=True)

    def leave(self) -> None:
        """It goes on for a few seconds: of a shim that is killed, or started anew, the next guard
        takes it over without a gap."""
        end = self._end
        self._process = self._end = None
        if end is not None:
            self._note_moment()
            end.close()

    def alive(self) -> bool:
        if self._process is None:
            return False
        self._take()
        now = time.monotonic()
        if (status := self._process.poll()) is not None:
            self._over(f"the enforcer ended with status {status}")
        elif now - self._spoke > SILENT_S:
            self._over(f"the enforcer (pid {self._process.pid}) did not answer and was ended")
        elif now - self._noted > NOTE_S:
            self._note_moment()
        if self._worn and now - self._renewed > RENEW_S and self._known is not None:
            self._renewed = now
            with contextlib.suppress(Failed):  # the old one goes on
                self.start(self._known)
        return self._process is not None

    def seen(self) -> Sequence[Seen]:
        self._take()
        found = [
            Seen(at_ms=at, kind=kind, text=f"{text} ({times:,} times)" if times > 1 else text)
            for (kind, text), (at, times) in self._seen.items()
        ]
        if self._lost:
            found.append(Seen(at_ms=clock_ms(), kind="note", text=f"{self._lost:,} more not kept"))
        self._seen, self._lost = {}, 0
        return found

    def _over(self, why: str) -> None:
        process, end = self._process, self._end
        self._process = self._end = None
        self._add("unguarded", f"{why}; any program could start from then on")
        if process is not None and end is not None:
            _finish(process, end)

    def _wait(self) -> Proof:
        """Until it is in force."""
        assert self._end is not None and self._process is not None
        until = time.monotonic() + START_S
        while (left := until - time.monotonic()) > 0:
            select.select([self._end], [], [], left)
            status = self._process.poll()
            self._take()
            if self._proof is not None:
                return self._proof
            if status is not None:
                break
        raise Failed(f"the restriction is not in force: {self._broken or 'no enforcer answers'}")

    def _take(self) -> None:
        """Everything that the enforcer said."""
        while self._end is not None:
            try:
                data = self._end.recv(LONGEST)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                return
            self._spoke, self._in_force_ns = time.monotonic(), _boot_ns()
            match from_enforcer.decode(data):
                case Blocked(text=text) if text.startswith(self._tried):
                    pass
                case Blocked() as found:
                    self._add("started" if found.started else "blocked", found.text, found.times)
                case InForce() as found:
                    self._in_force(found)
                case Broken(text=text):
                    self._broken = text
                case Worn():
                    self._worn = True
                case Beat():
                    pass

    def _in_force(self, found: InForce) -> None:
        for text in found.started:
            self._add("started", text)
        if self._proof is not None and self._proof.sha256 != found.sha256:
            self._add("note", f"packages changed: {found.by}, digest {found.sha256}")
        notes = () if self._memfd_was is not None or found.sees_memory else (UNSEEN_MEMORY,)
        self._proof = Proof(found.by, found.sha256, (UNSEEN, *notes, *found.notes))
        before = Before(proc.boot().identity, found.running, self._memfd_was)
        durable.save(self._state / BEFORE, msgspec.json.encode(before))
        self._note_moment()

    def _note_moment(self) -> None:
        """Not synced: it is for another guard of the same boot."""
        self._noted = time.monotonic()
        handle = os.open(self._state / MOMENT, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(handle, b"%020d\n" % self._in_force_ns, 0)
        finally:
            os.close(handle)

    def _gap(self, before: Before | None) -> tuple[int | None, list[tuple[int, int]]]:
        """Since when nothing is in force that should be, and what ran unknown then."""
        if before is None or claim.is_held(self._state / CLAIM):
            return None, []
        if self._in_force_ns:
            return self._in_force_ns, before.running
        try:
            return int((self._state / MOMENT).read_bytes()), before.running
        except (FileNotFoundError, ValueError):
            return None, []

    def _before(self) -> Before | None:
        """What the last enforcer of this boot found, if its restriction never ended."""
        try:
            before = msgspec.json.decode((self._state / BEFORE).read_bytes(), type=Before)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return before if before.boot == proc.boot().identity else None

    def _add(self, kind: Kind, text: str, times: int = 1) -> None:
        at, before = self._seen.get((kind, text), (clock_ms(), 0))
        if before or len(self._seen) < MAX_SEEN - 1:
            self._seen[kind, text] = (at, before + times)
        else:
            self._lost += times


def _started(begin: Begin) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, *PROGRAM, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            env=ENVIRONMENT,
            cwd="/",
        )
    send(ours, begin)
    ours.setblocking(False)
    return process, ours


def _finish(process: "subprocess.Popen[bytes]", end: socket.socket, patience_s: float = 0) -> None:
    """It has lost its right, or must end now."""
    end.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
        return
    process.kill()
    _reap(process)


def _reap(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)


def _boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
