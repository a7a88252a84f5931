"""Groups where no cgroup is writable: all descendants of one process, found in /proc.

Weaker: who starts a daemon and lets its own parent end is found only because supervisor and
worker are subreapers, and only while somebody looks. Facts say so (`weaker_stop`).
"""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from endpoint_shim.groups import Group

PR_SET_CHILD_SUBREAPER = 36
KILL_ROUNDS = 20


class Tree:
    """The descendants of `root`: of this process itself (a command's), or of a worker."""

    place = ""

    def __init__(self, root: int, *, with_root: bool) -> None:
        self._root = root
        self._with_root = with_root
        self._known: dict[int, str] = {}
        self._left: set[int] = set()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        yield

    def add(self, pid: int) -> None:
        if self._with_root:
            self._root = pid
        self._note([pid])

    def members(self) -> list[int]:
        table = _processes()
        roots = {self._root} if self._root in table else set()
        # Known ones whose parent ended belong to somebody else by now; their start tells them.
        roots |= {pid for pid, born in self._known.items() if table.get(pid, (0, ""))[1] == born}
        found = _descendants(roots, table) | (roots - {self._root})
        if self._with_root and self._root in table:
            found.add(self._root)
        found -= self._left
        self._note(found)
        return sorted(found)

    def signal(self, number: int) -> None:
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def kill(self) -> None:
        # A fork may race with one look; the next look finds its child.
        for _ in range(KILL_ROUNDS):
            pids = [pid for pid in self.members() if not _dying(pid)]
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def leave(self) -> None:
        self._left |= set(self.members())

    def under(self, name: str) -> Group:
        return Tree(os.getpid(), with_root=False)

    def remove(self) -> bool:
        return not self.members()

    def _note(self, pids: "list[int] | set[int]") -> None:
        table = _processes()
        self._known |= {pid: table[pid][1] for pid in pids if pid in table}


class Trees:
    """This shim's groups without cgroups."""

    def __init__(self, why: str) -> None:
        self.weaker_stop = why
        become_subreaper()

    def worker(self, number: int) -> Tree:
        return Tree(0, with_root=True)

    def close(self) -> None:
        """There is no place."""

    def end_leftovers(self) -> None:
        """Nothing tells an earlier run's processes from others; they ended with their pipes."""


def become_subreaper() -> None:
    """Orphans below this process become its children instead of init's."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _processes() -> dict[int, tuple[int, str]]:
    """Pid -> (parent, start ticks)."""
    table = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = _stat(int(entry.name))
                table[int(entry.name)] = (int(fields[1]), fields[19])
    return table


def _dying(pid: int) -> bool:
    try:
        return _stat(pid)[0] in "ZX"
    except (OSError, IndexError):
        return True


def _stat(pid: int) -> list[str]:
    # The name in brackets may hold anything; the fields begin behind the last bracket.
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def _descendants(roots: set[int], table: dict[int, tuple[int, str]]) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    todo = list(roots)
    while todo:
        for child in children.get(todo.pop(), []):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found
