"""Lets the programs of a selective isolation's rules pass: puts them into the groups that it opens.

1. The kernel asks before one of these files is run (fanotify, a mark on each file alone, so that
   nothing else ever waits), and the process is in its group before it has begun. It always may
   start: whatever goes wrong here, it starts without the network.
2. What runs already is put inside as it is found; only what it opens from then on passes.
3. What runs something else by now (a child that started another program, a start that failed) is
   put out again within seconds, and what it opened inside ends.
4. Processes in a network namespace of their own (containers) are left alone: nothing of theirs
   passes here anyhow.
"""

import contextlib
import functools
import logging
import os
import select
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator

from commands.language.errors import Failed
from commands.language.wire_contain import Allowance
from endpoint_shim.linux import isolation_table, kernel, nft, proc, sock_diag
from endpoint_shim.linux.allowed_programs import AllowedPrograms, Found, Identity, Program
from endpoint_shim.linux.fanotify import Group, Question
from endpoint_shim.linux.pass_groups import CGROUPS, Member, PassGroups

TURN_S = 1.0
SETTLED_S = 0.2
"""After a start the groups are looked at again so soon."""
STARTING_S = 2.0
"""So long a start may take from the kernel's question until the program is there."""
MOST_BEFORE = 1000
LOOK_S = 5.0
"""All processes are looked at so often; the groups, and the files behind the rules, each turn."""
_PROBE = (
    'table inet fireline_probe {\n\tchain one {\n\t\tsocket cgroupv2 level 1 "." accept\n\t}\n}\n'
)

log = logging.getLogger("fireline.guard")


class ProgramPass:
    """The programs of one isolation; `begin` and `end` are called by one thread at a time."""

    def __init__(self, finder: AllowedPrograms) -> None:
        self._finder = finder
        self._groups = PassGroups()
        self._meant: tuple[str, ...] = ()
        self._watch: Watch | None = None

    def begin(self, rules: tuple[Allowance, ...]) -> dict[str, tuple[str, ...]]:
        """Lets them pass from now on; the groups of each selector, below cgroup v2's root."""
        meant = isolation_table.selectors(rules)
        if not meant or unable():
            self.end()
            return {}
        if self._watch is not None and meant != self._meant:
            self._watch.close()
            self._watch = None
        if self._watch is None:
            try:
                self._watch = Watch(self._groups, self._finder, meant)
            except OSError as error:  # isolated all the same, and more than it was meant
                log.error("the programs that may pass do not: %s", error)
                self.end()
                return {}
            self._meant = meant
        paths = self._groups.make(self._watch.names)
        self._groups.remove(keep=frozenset(paths))
        self._watch.look()
        return {
            one: tuple(paths[name] for name in self._watch.names if str(number) in name.split("-"))
            for number, one in enumerate(meant)
        }

    def numbers(self) -> frozenset[int]:
        """The groups that sockets of theirs are in."""
        return self._groups.numbers()

    def end(self) -> None:
        """Everybody is back where he was, and nothing is asked any more."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._groups.remove()


class Watch:
    """Asked by the kernel, and looking by itself, in threads of its own."""

    def __init__(self, groups: PassGroups, finder: AllowedPrograms, meant: tuple[str, ...]) -> None:
        # A child that vfork made stops this whole process until it runs its program; where the
        # kernel asks us about that very program, nobody would be left to answer.
        for name in ("_USE_VFORK", "_USE_POSIX_SPAWN"):
            setattr(subprocess, name, False)
        self._groups, self._finder, self._meant = groups, finder, meant
        self._own = os.readlink("/proc/thread-self/ns/net")
        self._lock = threading.Lock()
        self._programs: dict[Identity, str] = {}
        self._paths: tuple[bytes, ...] = ()
        self._before: dict[Identity, str] = {}
        """Files that an update has replaced while they ran."""
        self._starting: dict[int, float] = {}
        self.names: list[str] = []
        """Of the groups: a selector's number, or those of all that mean the same file."""
        self._asked = Group()
        self._stamp: object = None
        try:
            self._find()
        except BaseException:
            self._asked.close()  # whoever is held goes on
            raise
        self._over = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._woken = threading.Event()
        self._closed = False
        self._threads = [
            threading.Thread(target=one, daemon=True, name=f"pass {one.__name__}")
            for one in (self._answer, self._keep)
        ]
        for one in self._threads:
            one.start()

    def look(self) -> None:
        """At what runs: who belongs inside, and who does not."""
        with self._lock:
            for pid in proc.pids():
                with contextlib.suppress(OSError):
                    file = kernel.cached(b"/proc/%d/exe" % pid)
                    name = self._programs.get((file.device, file.number))
                    if name is not None and pid != os.getpid():
                        self._enter(pid, name)
            self._put_out()

    def close(self) -> None:
        """Nothing is asked, and nobody moved, after it."""
        self._closed = True
        self._woken.set()
        os.eventfd_write(self._over, 1)
        for one in self._threads:
            one.join()
        os.close(self._over)

    def _find(self) -> bool:
        """The files behind the rules, as they are now; whether anything was new."""
        first, stamp = not self.names, self._finder.stamp(self._meant, self._paths)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        names: dict[Identity, list[int]] = {}
        programs: dict[Identity, Program] = {}
        for number, selector in enumerate(self._meant):
            for program in found(self._finder, selector).programs:
                names.setdefault(program.identity, []).append(number)
                programs[program.identity] = program
        now = {}
        for identity, numbers in names.items():
            name = "-".join(map(str, numbers))
            # What two rules mean, and was not here when the groups were made, is the first one's.
            now[identity] = name if first or name in self.names else str(numbers[0])
        if first:
            self.names = sorted({*map(str, range(len(self._meant))), *now.values()})
        with self._lock:
            gone = {one: name for one, name in self._programs.items() if one not in now}
            self._before = dict([*self._before.items(), *gone.items()][-MOST_BEFORE:])
            self._programs = now
        self._paths = tuple(one.path for one in programs.values())
        for program in programs.values():
            with contextlib.suppress(OSError):  # gone again, or nobody answers any more
                self._asked.mark_file(program.path)
        return True

    def _answer(self) -> None:
        """Until the end; whoever is held then goes on, and nobody is asked about any more."""
        try:
            self._questions()
        finally:
            self._asked.close()

    def _questions(self) -> None:
        """Never waits for anything that could itself be asked about."""
        poll = select.poll()
        for handle in (self._asked.handle, self._over):
            poll.register(handle, select.POLLIN)
        while not self._closed:
            poll.poll()
            for question in self._asked.questions():
                try:
                    self._starts(question)
                except OSError as error:
                    log.warning("a program that may pass starts without the network: %s", error)
                finally:
                    self._asked.answer(question, may=True)
                    os.close(question.handle)

    def _starts(self, question: Question) -> None:
        facts = os.fstat(question.handle)
        name = self._programs.get((facts.st_dev, facts.st_ino))
        if name is None:
            return
        self._starting[_process(question.thread)] = time.monotonic() + STARTING_S
        self._enter(question.thread, name)
        self._woken.set()

    def _keep(self) -> None:
        looked = time.monotonic()
        while not self._closed:
            if self._woken.wait(TURN_S):
                self._woken.clear()
                if not self._closed:
                    self._woken.wait(SETTLED_S)
            if self._closed:
                return
            try:
                if self._find() or time.monotonic() - looked > LOOK_S:
                    looked = time.monotonic()
                    self.look()
                else:
                    with self._lock:
                        self._put_out()
            except OSError as error:
                log.warning("the programs that may pass could not be looked at: %s", error)

    def _enter(self, pid: int, name: str) -> None:
        if os.readlink(f"/proc/{pid}/ns/net") == self._own:
            self._groups.enter(pid, name)

    def _put_out(self) -> None:
        now = time.monotonic()
        for pid, until in list(self._starting.items()):
            if until < now:
                self._starting.pop(pid, None)
        inside: list[Member] = []
        out: list[Member] = []
        for member in self._groups.members():
            (inside if self._belongs(member) else out).append(member)
        if not out:
            return
        ended = _sockets(one.pid for one in out)
        for member in out:
            with contextlib.suppress(OSError):
                self._groups.leave(member.pid, member.origin)
        # A second look, for what they opened as they were put out.
        ended |= _sockets(one.pid for one in out)
        self._end(ended - _sockets(one.pid for one in inside))
        self._groups.tidy()

    def _belongs(self, member: Member) -> bool:
        if member.pid in self._starting:
            return True
        try:
            file = kernel.cached(b"/proc/%d/exe" % member.pid)
        except OSError:
            return True  # it has ended
        identity = file.device, file.number
        if file.links == 0 and file.uid == 0:  # its number is nobody else's while it runs
            return self._before.get(identity, self._programs.get(identity)) == member.name
        return self._programs.get(identity) == member.name

    def _end(self, sockets: frozenset[int]) -> None:
        groups = self._groups.numbers()
        for protocol in (sock_diag.TCP, sock_diag.UDP):
            for one in sock_diag.connections(protocol):
                if one.inode in sockets and one.group in groups:
                    with contextlib.suppress(OSError):  # the filter has to do
                        sock_diag.destroy(one)


def found(finder: AllowedPrograms, selector: str) -> Found:
    """The files that a selector of isolation_table.py means."""
    kind, _, name = selector.partition(" ")
    return finder.of_process(name) if kind == "process" else finder.of_package(name)


def left_out(finder: AllowedPrograms, rules: tuple[Allowance, ...]) -> Iterator[tuple[str, str]]:
    """The rules whose program is not here, or not to be trusted: their names, each with the why."""
    lacks = unable()
    told = {}
    for rule in rules:
        if selector := isolation_table.selector(rule):
            if selector not in told:
                told[selector] = lacks or found(finder, selector).why
            if told[selector]:
                yield rule.name, told[selector]


def unable() -> str:
    """Why this device cannot tell programs apart; empty where it can."""
    if not (CGROUPS / "cgroup.controllers").exists():
        return f"telling programs apart takes cgroup v2 at {CGROUPS}"
    return _lacks()


@functools.cache
def _lacks() -> str:
    try:
        Group().close()
    except OSError as error:
        return f"telling programs apart takes fanotify ({error.strerror})"
    try:
        nft.check(_PROBE)
    except Failed as error:
        return f"telling programs apart takes a newer kernel or nft ({error})"
    return ""


def _process(thread: int) -> int:
    """The number of its process."""
    for line in proc.read(f"/proc/{thread}/status").splitlines():
        if line.startswith(b"Tgid:"):
            return int(line[5:])
    return thread


def _sockets(pids: Iterable[int]) -> frozenset[int]:
    """The sockets that these have open."""
    found: set[int] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            found.update(proc.sockets(pid))
    return frozenset(found)
