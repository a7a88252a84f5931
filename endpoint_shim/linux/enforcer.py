"""The process that the kernel asks before a program starts: `python -I -m` this, by the guard.

It ends when the file that is its right to enforce is replaced or gone, or when nobody has heard it
for LINGER_S. With it go the kernel's marks: nothing stays held.
"""

import contextlib
import gc
import os
import select
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path

from commands.language.errors import FirelineError, Refused
from endpoint_shim.linux import mounts, rpm
from endpoint_shim.linux.answers import Answers
from endpoint_shim.linux.claim import Claim
from endpoint_shim.linux.cold import THREADS, Cold
from endpoint_shim.linux.dpkg import DATABASE, Dpkg
from endpoint_shim.linux.enforcement import (
    LONGEST,
    Beat,
    Begin,
    Broken,
    InForce,
    Worn,
    line,
    send,
    to_enforcer,
)
from endpoint_shim.linux.fanotify import Group
from endpoint_shim.linux.outer import Beside
from endpoint_shim.linux.packages import Packages
from endpoint_shim.linux.priority import be_first
from endpoint_shim.linux.reader import Reader
from endpoint_shim.linux.reports import Reports
from endpoint_shim.linux.rpm import Asker, Rpm
from endpoint_shim.linux.running import since, told
from endpoint_shim.linux.scripts import Scripts
from endpoint_shim.linux.starters import Running, Starters
from endpoint_shim.linux.verdicts import Judge

LONGEST_TEXT = 1000
TICK_S = 0.25
TELL_S = 0.05
LINGER_S = 10.0
AROUND_S = 5.0
MAX_RUNNING = 1000
_STACK = 256 * 1024


class Enforcer:
    """Answers until it may no longer."""

    def __init__(
        self,
        begin: Begin,
        guard: socket.socket,
        readers: list[Reader],
        asker: Asker | None,
        beside: Beside | None,
    ) -> None:
        self._guard = guard
        self._missed = be_first("what enforces the restriction")
        self._beside = beside
        self._begin = begin
        self._packages = packages_here(asker)
        self._judge = Judge(self._packages, [os.fsencode(path) for path in begin.own])
        self._cold, self._quick = Cold(), Cold(first=True)
        self._starters = Starters(self._judge, beside.look if beside is not None else None)
        self._reports = Reports()
        self._group = Group()
        self._scripts = Scripts(self._judge, readers)
        judging = self._judge, self._starters, self._scripts
        self._answers = Answers(self._group, *judging, self._cold, self._quick, self._reports)
        self._mountinfo = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._claim = Claim(Path(begin.claim))
        self._looking = self._sees_memory = False
        self._told_sha256 = self._packages.sha256
        self._alone_since: float | None = None
        self._tick = self._told = 0.0
        self._around = time.monotonic() + AROUND_S
        self._ran: set[bytes] = set()
        """What runs from no package, and was told of."""
        self._before: set[tuple[int, int]] = set()

    def run(self) -> None:
        """Marks, says so, answers."""
        before = self._unknown()
        self._ran = {one.path for one in before}
        self._before = {(one.pid, one.start) for one in before}
        self._mark()
        self._sees_memory = self._mark_memory()
        self._cold.take(partial(self._settle, before), self._say_in_force)
        questions = select.poll()
        looks = {one.handle: one for one in (self._cold, self._quick)}
        for handle in (self._group.handle, *looks, self._guard.fileno()):
            questions.register(handle, select.POLLIN)
        questions.register(self._mountinfo, select.POLLPRI | select.POLLERR)
        gc.collect()
        gc.freeze()
        while self._may_go_on():
            for handle, _ in questions.poll(self._patience_ms()):
                if handle == self._group.handle:
                    for question in self._group.questions():
                        self._answers.ask(question)
                elif handle in looks:
                    looks[handle].finish()
                elif handle == self._mountinfo:
                    self._mark()
                elif handle == self._guard.fileno():
                    questions.unregister(handle)
                    self._alone_since, self._tick = time.monotonic(), 0.0
            self._answers.end_late()
            self._tell()

    def _settle(self, before: list[Running]) -> InForce:
        """With the marks in place: takes over from whoever enforced, and looks what he missed."""
        self._claim.take()
        started: list[Running] = []
        if (moment := self._begin.since_ns) is not None:
            started = since(self._starters.running(), moment, set(self._begin.baseline))
            self._ran.update(one.path for one in started if not one.known)
        return self._in_force(before, started)

    def _mark(self) -> None:
        """Again whenever a mount has come or gone: what is marked already stays as it is."""
        if self._begin.mounts is not None:
            for point in self._begin.mounts:
                self._group.mark_mount(os.fsencode(point))
            return
        for mount in mounts.read_mounts():
            if mount.may_hang:
                continue
            try:
                self._group.mark_file_system(mount.point)
            except OSError:
                # What the kernel keeps for itself (nsfs and the like) takes none, and none runs.
                if mount.point == b"/":
                    raise

    def _mark_memory(self) -> bool:
        """Whether the kernel lets what lies in no file system be marked."""
        if self._begin.mounts is not None:
            return False
        handle = os.memfd_create("look", os.MFD_CLOEXEC)
        try:
            self._group.mark_file_system(b"/proc/self/fd/%d" % handle)
        except OSError:
            return False
        finally:
            os.close(handle)
        return True

    def _may_go_on(self) -> bool:
        now = time.monotonic()
        if now < self._tick:
            return True
        self._tick = now + TICK_S
        if self._alone_since is not None and now - self._alone_since > LINGER_S:
            return False
        if self._alone_since is not None and not self._claim.holds():
            return False
        if self._beside is not None and self._beside.has_ended():
            return False
        packages = self._packages
        if not self._looking and (packages.stale() or packages.sha256 != self._told_sha256):
            self._looking = self._cold.take(self._look_again, self._looked)
        elif not self._looking and now > self._around:
            self._around = now + AROUND_S
            self._looking = self._cold.take(self._unknown, self._looked_around)
        if self._alone_since is None:
            with contextlib.suppress(OSError):
                worn = any(reader.lost for reader in self._scripts.readers)
                send(self._guard, Worn() if worn else Beat())
        return True

    def _tell(self) -> None:
        """At most so often: a flood of questions is one line with its number."""
        if self._has_to_tell() and time.monotonic() >= self._told + TELL_S:
            self._told = time.monotonic()
            with contextlib.suppress(OSError):
                self._reports.send(self._guard)

    def _has_to_tell(self) -> bool:
        return bool(self._reports) and self._alone_since is None

    def _look_again(self) -> InForce:
        with contextlib.suppress(OSError):
            self._packages.look()
        return self._in_force(self._unknown(), [])

    def _unknown(self) -> list[Running]:
        return [one for one in self._starters.running() if not one.known]

    def _looked_around(self, found: list[Running]) -> None:
        """What was not asked about, and so was not held back, is told at least."""
        self._looking = False
        for one in found:
            is_new = one.path not in self._ran and (one.pid, one.start) not in self._before
            if is_new and len(self._ran) < MAX_RUNNING:
                self._ran.add(one.path)
                self._reports.started(one.path, f"nobody was asked about it (pid {one.pid})")

    def _looked(self, found: InForce) -> None:
        self._looking = False
        if found.sha256 != self._told_sha256:
            self._answers.forget()
            self._scripts.forget()
            self._say_in_force(found)

    def _say_in_force(self, found: InForce) -> None:
        self._told_sha256 = found.sha256
        with contextlib.suppress(OSError):
            send(self._guard, found)

    def _patience_ms(self) -> float:
        ends = list(self._answers.soonest())
        if self._has_to_tell():
            ends.append(self._told + TELL_S)
        return max(0.0, min([self._tick, *ends]) - time.monotonic()) * 1000

    def _in_force(self, before: list[Running], started: list[Running]) -> InForce:
        packages = self._packages
        return InForce(
            by=f"fanotify, {len(packages):,} files of {packages.name}",
            sha256=packages.sha256,
            sees_memory=self._sees_memory,
            notes=self._missed
            + told("runs from no package and could not be started again", before),
            running=[(one.pid, one.start) for one in before[:MAX_RUNNING]],
            started=told("started, or started another program, while nothing held it", started),
        )


def is_dpkg() -> bool:
    """Whether this device's packages are dpkg's."""
    return (DATABASE / "status").exists()


def packages_here(asker: Asker | None) -> Packages:
    """Whose lists say which programs are known."""
    return Dpkg() if asker is None else Rpm(asker)


def refuse_unless_supported(begin: Begin) -> None:
    """Where nothing says which programs are known, everything would be unknown."""
    if not (is_dpkg() or rpm.is_here()):
        raise Refused(
            f"this device has neither dpkg ({DATABASE}) nor rpm ({rpm.PROGRAM}), whose lists would "
            "say which programs are known; it needs fapolicyd"
        )
    here = mounts.read_mounts()
    points = mounts.seen(here)
    for point in begin.mounts or ():
        # A mark on a folder is one on the whole mount that it lies on.
        if os.fsencode(point) not in points:
            raise Refused(f"{point} is no mount point; what it lies on would be restricted")
    own = [os.path.realpath(os.fsencode(path)) for path in (*begin.own, begin.claim)]
    for place in (b"/", b"/usr", os.fsencode(DATABASE), *own):
        mount = mounts.mount_of(place, here)
        if mount is not None and mount.may_hang:
            raise Refused(
                f"{line(place)} of this device lies on {mount.kind}, whose server may not "
                "answer while every program waits for it"
            )


def _end(failed: threading.ExceptHookArgs) -> None:
    """A thread that ends would leave less and less that looks: rather anew, and told."""
    sys.excepthook(failed.exc_type, failed.exc_value or failed.exc_type(), failed.exc_traceback)
    os._exit(1)


def main() -> int:
    """The process: its end of the guard's socket is its one argument."""
    guard = socket.socket(fileno=int(sys.argv[1]))
    guard.set_inheritable(False)
    begin = to_enforcer.decode(guard.recv(LONGEST))
    guard.setblocking(False)
    threading.stack_size(_STACK)
    threading.excepthook = _end
    sys.setswitchinterval(0.0005)
    try:
        # Forked off first: while there is no group, no thread and no list of packages.
        refuse_unless_supported(begin)
        readers = [Reader() for _ in range(THREADS)]
        asker = Asker() if not is_dpkg() else None
        beside = Beside(guard) if begin.mounts is None else None
        Enforcer(begin, guard, readers, asker, beside).run()
    except FirelineError as error:
        return _broken(guard, str(error))
    except OSError as error:
        why = f"the kernel does not let it ask about programs ({error.strerror})"
        return _broken(guard, f"{why}; it needs root with CAP_SYS_ADMIN, and Linux 5.0")
    return 0


def _broken(guard: socket.socket, why: str) -> int:
    with contextlib.suppress(OSError):
        send(guard, Broken(text=why[:LONGEST_TEXT]))
    return 1


if __name__ == "__main__":
    sys.exit(main())
