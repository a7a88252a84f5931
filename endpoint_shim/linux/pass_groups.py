"""Control groups for the programs that a selective isolation lets pass (cgroup v2).

1. The kernel keeps of a socket in which group its process was when it made it. So a program has to
   be inside before it makes one, and what it had open before stays outside.
2. A group's folder holds one folder for each place that its processes came from, named after it:
   whoever finds them, a later guard too, can bring each process back.
3. The groups are root's, beside all others: nobody else can put a process into them.
"""

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from endpoint_shim.linux import proc

CGROUPS = Path("/sys/fs/cgroup")
_LOST = "-"
_COMMANDS = re.compile(r"/fireline-[0-9a-f]{8}(/|$)")
"""cgroup.py's tree."""
_LONGEST = 255
TRIES = 5


class Member(NamedTuple):
    """A process in a group."""

    pid: int
    name: str
    """The group's."""
    origin: str


class PassGroups:
    """Those of this network namespace: several devices may share one machine's groups."""

    @functools.cached_property
    def _home(self) -> str:
        return self._origin(os.getpid())

    @property
    def _root(self) -> Path:
        return CGROUPS / f"fireline-pass-{os.stat('/proc/thread-self/ns/net').st_ino}"

    def make(self, names: list[str]) -> dict[str, str]:
        """Makes them; the path of each below cgroup v2's root."""
        for name in names:
            (self._root / name).mkdir(parents=True, exist_ok=True)
        return {name: str((self._root / name).relative_to(CGROUPS)) for name in names}

    def enter(self, pid: int, name: str) -> None:
        """Puts a process (by any thread of it) into a group. The shim's own stay in the service's,
        and what a responder's command started in the command's, with which it ends."""
        origin = self._origin(pid)
        if _COMMANDS.search(origin) or (self._home != "/" and _is_in(origin, self._home)):
            return
        folder = self._root / name / _written(origin)
        for _ in range(TRIES):
            folder.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # just taken away as empty
                _put(folder, pid)
                return

    def leave(self, pid: int, origin: str) -> None:
        """Puts it back where it came from, or as near to that as is still there."""
        place = CGROUPS / origin.lstrip("/")
        while True:
            try:
                _put(place, pid)
            except ProcessLookupError:
                return
            except OSError:
                if place == CGROUPS:
                    raise
                place = place.parent
            else:
                return

    def members(self) -> list[Member]:
        """All processes inside."""
        found = []
        for name, folder in self._folders():
            with contextlib.suppress(OSError):
                for line in (folder / "cgroup.procs").read_text().split():
                    found.append(Member(int(line), name, _read(folder.name)))
        return found

    def numbers(self) -> frozenset[int]:
        """The kernel's numbers of the groups that sockets may be of."""
        found = set()
        for _, folder in self._folders():
            with contextlib.suppress(OSError):
                found.add(folder.stat().st_ino)
        return frozenset(found)

    def tidy(self) -> None:
        """Takes away the folders of places from which nobody is inside any more."""
        for _, folder in self._folders():
            with contextlib.suppress(OSError):
                folder.rmdir()

    def remove(self, keep: frozenset[str] = frozenset()) -> None:
        """Brings everybody back and takes the groups away, but for those to keep."""
        for _ in range(TRIES):  # they may start others meanwhile
            for member in self.members():
                if member.name not in keep:
                    with contextlib.suppress(OSError):
                        self.leave(member.pid, member.origin)
            self.tidy()
            left = [name for name in _below(self._root) if name not in keep]
            for name in left:
                with contextlib.suppress(OSError):
                    (self._root / name).rmdir()
            if not keep:
                with contextlib.suppress(OSError):
                    self._root.rmdir()
            if not any((self._root / name).is_dir() for name in left):
                return

    def _folders(self) -> Iterator[tuple[str, Path]]:
        for name in _below(self._root):
            for place in _below(self._root / name):
                yield name, self._root / name / place

    def _origin(self, pid: int) -> str:
        own = ""
        for line in proc.read(f"/proc/{pid}/cgroup").splitlines():
            if line.startswith(b"0::"):
                own = os.fsdecode(line[3:])
        ours = f"/{self._root.name}/"
        # A process that changes its group came from where it came from at first.
        return _read(own.rpartition("/")[2]) if own.startswith(ours) else own


def _is_in(group: str, other: str) -> bool:
    return group == other or group.startswith(f"{other}/")


def _below(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [one.name for one in entries if one.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _written(origin: str) -> str:
    name = origin.replace("%", "%25").replace("/", "%2F")
    fits = name and not origin.startswith("/..") and len(os.fsencode(name)) <= _LONGEST
    return name if fits else _LOST


def _read(name: str) -> str:
    return "/" if name == _LOST else name.replace("%2F", "/").replace("%25", "%")


def _put(folder: Path, pid: int) -> None:
    handle = os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, str(pid).encode())
    finally:
        os.close(handle)
