"""Groups as cgroups (version 2): they hold whatever a command started, daemons too.

1. The tree: `…/fireline-<8 hex of the state folder>/w3/c12`, `…/left` for what was let go. Of the
   folder itself, not of its path alone: in another mount namespace that may be another shim's.
2. A process hops into a group to start a child there, and back: a child is born inside.
3. `cgroup.kill` ends a whole tree at once; where the kernel lacks it, member by member.
"""

import contextlib
import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

LEFT = "left"


class Cgroup:
    """One cgroup; its folder is made when it is first needed."""

    def __init__(self, folder: Path, home: Path, left: Path) -> None:
        self._folder = folder
        self._home = home  # where the process that uses this group stands itself
        self._left = left

    @property
    def place(self) -> str:
        return str(self._folder)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        self._make()
        _write(self._folder / "cgroup.procs", "0")
        try:
            yield
        finally:
            _write(self._home / "cgroup.procs", "0")

    def add(self, pid: int) -> None:
        self._make()
        with contextlib.suppress(ProcessLookupError):
            _write(self._folder / "cgroup.procs", str(pid))

    def members(self) -> list[int]:
        return _members(self._folder)

    def signal(self, number: int) -> None:
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def kill(self) -> None:
        _kill(self._folder)

    def leave(self) -> None:
        self._left.mkdir(exist_ok=True)
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError):
                _write(self._left / "cgroup.procs", str(pid))

    def under(self, name: str) -> "Cgroup":
        return Cgroup(self._folder / name, self._folder, self._left)

    def remove(self) -> bool:
        return _remove(self._folder)

    def _make(self) -> None:
        self._folder.mkdir(exist_ok=True, parents=True)


class Cgroups:
    """This shim's tree."""

    weaker_stop = ""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._home = root.parent

    def worker(self, number: int) -> Cgroup:
        return Cgroup(self._root / f"w{number}", self._home, self._root / LEFT)

    def close(self) -> None:
        _remove(self._root)

    def end_leftovers(self) -> None:
        for folder in self._root.glob("w*"):
            _kill(folder)
            _remove(folder)


def cgroups(state: Path) -> Cgroups | str:
    """This shim's groups, or why there are none. Two shims on one machine have two trees."""
    mount = mount_point(Path("/proc/self/mountinfo").read_text())
    if mount is None:
        return "this system has no cgroup version 2"
    place, held = os.fsencode(state.resolve()), state.stat()
    which = b"%s %d %d" % (place, held.st_dev, held.st_ino)
    name = "fireline-" + hashlib.sha256(which).hexdigest()[:8]
    own = own_cgroup(Path("/proc/self/cgroup").read_text())
    root = mount / own / name
    try:
        root.mkdir(exist_ok=True)
        probe = root / f"probe-{os.getpid()}"
        probe.mkdir()
        probe.rmdir()
        # The right to move processes is that over the ancestor both groups share.
        with open(root.parent / "cgroup.procs", "wb"):
            pass
    except OSError as error:
        return f"{root} is not writable ({error.strerror})"
    return Cgroups(root)


def worker_group(place: str) -> Cgroup:
    """A worker's own group, seen from inside the worker."""
    folder = Path(place)
    return Cgroup(folder, folder, folder.parent / LEFT)


def mount_point(mountinfo: str) -> Path | None:
    """Where cgroup v2 is mounted: `/sys/fs/cgroup`, or `…/unified` beside version 1."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ", 1)[0] == "cgroup2":
            return Path(before.split(" ")[4].replace("\\040", " "))
    return None


def own_cgroup(listing: str) -> str:
    """The cgroup that /proc/self/cgroup names, below the mount point."""
    for line in listing.splitlines():
        if line.startswith("0::"):
            return line[3:].lstrip("/")
    return ""


def _tree(folder: Path) -> Iterator[Path]:
    """The groups below, deepest first, then the group itself."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _tree(Path(entry.path))
    yield folder


def _members(folder: Path) -> list[int]:
    pids: list[int] = []
    for group in _tree(folder):
        # OSError: gone meanwhile, or a threaded group; neither holds a process of ours.
        with contextlib.suppress(OSError):
            pids += [int(line) for line in (group / "cgroup.procs").read_text().split()]
    return pids


def _kill(folder: Path) -> None:
    try:
        _write(folder / "cgroup.kill", "1")
    except OSError:
        for pid in _members(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _remove(folder: Path) -> bool:
    for group in _tree(folder):
        try:
            group.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
