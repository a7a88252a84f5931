"""Who asks to start a known program: what runs from no package goes on, and starts nothing.

1. /proc says what a thread runs, and no file is touched to find it out: behind it may stand a
   server that does not answer. In another mount namespace a name may lie, so there the file is
   compared as the kernel has it in memory, unless it lies where even that may wait (NFS).
2. A program that is loaded was asked about just before, by the same thread. A loader that comes
   alone loads something that nobody was asked about: a program in memory or of a hidden file
   system, or one that was given to the loader by name.
3. Nor is a loader let start as a program because the same thread asked for another before, which
   then did not start: the kernel's own calls, as /proc shows them, say what a loader is opened for.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from endpoint_shim.linux import kernel, proc, stacks
from endpoint_shim.linux.mounts import mount_of, read_mounts
from endpoint_shim.linux.verdicts import DELETED, Judge, Verdict

MOST = 4096
INIT = 1
UNKNOWN_STARTER = Verdict(False, "what asks runs from no package itself")
LOADED_UNASKED = Verdict(
    False, "it would load what nobody was asked about (in memory, hidden, or given by name)"
)
Key = TypeVar("Key")
_NAMESPACE = b"/proc/%d/ns/mnt"


class Running(NamedTuple):
    """One process, by what makes it unique in this boot."""

    pid: int
    start: int
    path: bytes
    known: bool


class Starters:
    """`on_namespace`: a mount namespace is seen that may have file systems of its own; None where
    not all programs of the device are asked about."""

    def __init__(self, judge: Judge, on_namespace: Callable[[], None] | None) -> None:
        self._judge = judge
        self._on_namespace = on_namespace
        self._namespaces: dict[bytes, bool] = {}
        self._ours = os.readlink(_NAMESPACE % os.getpid())
        self._loading: dict[int, bool] = {}

    def may_start(self, thread: int, verdict: Verdict) -> Verdict:
        """The verdict on a known program, with who asks for it."""
        if not (verdict.own or self._is_known(thread)):
            return UNKNOWN_STARTER
        if verdict.loads:
            asked = self._loading.pop(thread, False) and not stacks.is_program(thread)
            return verdict if asked or self._on_namespace is None else LOADED_UNASKED
        _keep(self._loading, thread)
        return verdict

    def denied(self, thread: int) -> None:
        """What it asked for does not start, so no loader comes for it."""
        self._loading.pop(thread, None)

    def running(self) -> Iterator[Running]:
        """All processes but the kernel's and the shim's own."""
        for pid in proc.pids():
            try:
                start, path = proc.stat(pid).started, os.readlink(b"/proc/%d/exe" % pid)
                known = self._runs_known(pid, path)
            except (OSError, IndexError, ValueError):
                continue  # it has ended, or is the kernel's and has no file
            if not self._judge.is_own(path):
                yield Running(pid, start, path, known)

    def _is_known(self, thread: int) -> bool:
        if thread == INIT:
            return True  # whatever it is, without it there is no device
        try:
            return self._runs_known(thread, os.readlink(b"/proc/%d/exe" % thread))
        except OSError:
            return True  # the kernel's own, or gone: nobody who could go on

    def _runs_known(self, pid: int, path: bytes) -> bool:
        """A daemon whose file an update replaced still runs from its package."""
        if (namespace := os.readlink(_NAMESPACE % pid)) == self._ours:
            return self._judge.is_known_name(path.removesuffix(DELETED))
        if namespace not in self._namespaces and self._on_namespace is not None:
            _keep(self._namespaces, namespace)
            self._on_namespace()
        mount = mount_of(path, read_mounts(f"/proc/{pid}/mountinfo"))
        if mount is None or mount.may_hang:
            return False
        return self._judge.is_known_file(path, kernel.cached(b"/proc/%d/exe" % pid))


def _keep(kept: dict[Key, bool], key: Key) -> None:
    """The oldest goes."""
    if len(kept) >= MOST:
        del kept[next(iter(kept))]
    kept[key] = True
