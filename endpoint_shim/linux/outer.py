"""Beside the enforcer, for what is none of the device's own file systems: nothing starts there.

1. Network and FUSE mounts, and whatever only another mount namespace has (a container, `unshare`):
   no package of this device fills them, so nothing has to be looked up.
2. A process of its own, because the kernel opens what it asks about in its name, and the server
   behind such a mount may never answer. It then waits in the kernel, unkillable, with marks that
   hold up these mounts alone.
"""

import contextlib
import os
import re
import select
import signal
import socket

from endpoint_shim.linux import kernel
from endpoint_shim.linux.fanotify import Group, path_of
from endpoint_shim.linux.mounts import Mount, read_mounts
from endpoint_shim.linux.reports import Reports

LOOK_S = 1.0
MOST_NAMESPACES = 1000
OUTSIDE = "it lies on a network, FUSE or container file system, which no package here fills"
MOST_TRIED = 10_000
_USER = re.compile(rb"\buser_id=([0-9]+),group_id=([0-9]+)")
Device = tuple[int, int]


class Outer:
    """Denies until it is ended with the enforcer."""

    def __init__(self, guard: socket.socket, asked: int) -> None:
        self._guard = guard
        self._asked = asked
        self._group = Group()
        self._reports = Reports()
        self._poll = select.poll()
        for handle in (self._group.handle, asked):
            self._poll.register(handle, select.POLLIN)
        self._tried: set[Device] = set()
        ours = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._poll.register(ours, select.POLLPRI | select.POLLERR)
        self._namespaces: dict[str, int] = {}
        """Each with its list of mounts, held open to be told of changes."""

    def run(self) -> None:
        """Never ends by itself."""
        while True:
            self._look()
            for handle, _ in self._poll.poll(LOOK_S * 1000):
                if handle == self._group.handle:
                    self._deny()
                elif handle == self._asked:
                    os.eventfd_read(self._asked)
            with contextlib.suppress(OSError):
                self._reports.send(self._guard)

    def _deny(self) -> None:
        for question in self._group.questions():
            try:
                self._reports.blocked(path_of(question), OUTSIDE, question.thread)
                self._group.answer(question, may=False)
            finally:
                os.close(question.handle)

    def _look(self) -> None:
        mounts = read_mounts()
        ours = {mount.device for mount in mounts if not mount.may_hang}
        for mount in mounts:
            if mount.may_hang:
                self._mark(mount, b"")
        found = _namespaces()
        for name in self._namespaces.keys() - found.keys():
            handle = self._namespaces.pop(name)
            self._poll.unregister(handle)
            os.close(handle)
        for name, pid in found.items():
            with contextlib.suppress(OSError):
                self._look_into(name, pid, ours)

    def _look_into(self, name: str, pid: int, ours: set[Device]) -> None:
        if name not in self._namespaces:
            handle = os.open(f"/proc/{pid}/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
            self._namespaces[name] = handle
            self._poll.register(handle, select.POLLPRI | select.POLLERR)
        for mount in read_mounts(f"/proc/{pid}/mountinfo"):
            if mount.device not in ours:
                self._mark(mount, b"/proc/%d/root" % pid)

    def _mark(self, mount: Mount, root: bytes) -> None:
        if mount.kind == "autofs":
            return  # holds no file, and a look at it would mount something
        try:
            self._group.mark_file_system(root + mount.point)
        except PermissionError:
            self._mark_as_its_user(mount, root)
        except OSError:
            return  # hidden under another mount, or of the kernel's own: seen when it runs

    def _mark_as_its_user(self, mount: Mount, root: bytes) -> None:
        """Once for each, in a process of that user's, which he may end: it does nothing else."""
        if mount.device in self._tried or (user := _USER.search(mount.of_file_system)) is None:
            return
        if len(self._tried) < MOST_TRIED:
            self._tried.add(mount.device)
        if os.fork() == 0:
            with contextlib.suppress(OSError):
                kernel.become(int(user[1]), int(user[2]))
                self._group.mark_file_system(root + mount.point)
            os._exit(0)


def _namespaces() -> dict[str, int]:
    """Mount namespaces other than ours -> a process in each."""
    ours = os.readlink("/proc/self/ns/mnt")
    found: dict[str, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and len(found) < MOST_NAMESPACES:
            with contextlib.suppress(OSError):
                found.setdefault(os.readlink(f"/proc/{name}/ns/mnt"), int(name))
    found.pop(ours, None)
    return found


class Beside:
    """It, as the enforcer has it: forked off before there is a group or a thread."""

    def __init__(self, guard: socket.socket) -> None:
        self._asked = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid != 0:
            return
        # Its own children, which only mark, are nobody's to wait for.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            kernel.end_with_parent(signal.SIGKILL)
            if os.getppid() == parent:
                Outer(guard, self._asked).run()
        finally:
            os._exit(1)

    def look(self) -> None:
        """At the mount namespaces, now."""
        os.eventfd_write(self._asked, 1)

    def has_ended(self) -> bool:
        """As it never should; never waits."""
        return os.waitpid(self._pid, os.WNOHANG)[0] != 0
