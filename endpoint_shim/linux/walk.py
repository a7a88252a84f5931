"""A walk below a folder: through open handles, never through a link.

1. What is no local file system is left out by its path, before anything touches it.
2. A folder is entered once, whatever is bind-mounted where; only folders of file systems that
   are mounted more than once (or not at all, as subvolumes are) need to be remembered for that.
3. Depth has no limit: the deepest handles are kept, others are found again by `..`, and a folder
   that is not the same any more is left, and said.
"""

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

from commands.language.errors import FirelineError
from endpoint_shim.left_out import LeftOut
from endpoint_shim.linux.listing import below, opened_at
from endpoint_shim.linux.mounts import Mount, read_mounts, seen
from endpoint_shim.linux.paths import PathPolicy, open_path, text

KEPT = 32
"""So many levels keep their handles; below, one handle is enough."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Entry(NamedTuple):
    """One name in an open folder; the handle is good until the next entry is asked for."""

    name: bytes
    path: bytes
    folder: int
    mount: Mount | None
    """What is mounted there, if that is not gone into."""


@dataclass
class _Level:
    """A folder on the way down: what of it is still to be entered."""

    handle: int
    identity: tuple[int, int]
    folders: list[bytes]


class Walk:
    """One walk; `entries` is its only use, `left_out` is complete after it."""

    def __init__(
        self,
        start: bytes,
        policy: PathPolicy,
        top: Callable[[bytes], bool] = lambda name: True,
    ) -> None:
        """`top` chooses among the names in `start` itself."""
        self._top = top
        self._path = start
        self._policy = policy
        self._levels: list[_Level] = []
        self._entered: set[tuple[int, int]] = set()
        self.left_out = LeftOut()
        mounts = read_mounts()
        self._foreign: dict[bytes, dict[bytes, Mount]] = {}
        for point, mount in seen(mounts).items():
            if not mount.searched and point != b"/":
                folder, name = os.path.split(point)
                self._foreign.setdefault(folder, {})[name] = mount
        devices = [os.makedev(*mount.device) for mount in mounts]
        self._once = {device for device in devices if devices.count(device) == 1}

    def entries(self) -> Generator[Entry, None, None]:
        """Every name below the start, those of a folder before those of the folders in it."""
        handle, self._path = opened_at(self._path, self._policy)
        self._push(handle)
        try:
            yield from self._entries()
            while self._levels:
                level = self._levels[-1]
                if not level.folders:
                    self._go_back()
                elif self._go_into(level.folders.pop()):
                    yield from self._entries()
        finally:
            for level in self._levels:
                _close(level)

    def _entries(self) -> Generator[Entry, None, None]:
        level = self._levels[-1]
        foreign = self._foreign.get(self._path, {})
        try:
            with os.scandir(level.handle) as entries:
                for entry in entries:
                    name = os.fsencode(entry.name)
                    if len(self._levels) == 1 and not self._top(name):
                        continue
                    mount = foreign.get(name)
                    path = below(self._path, name)
                    yield Entry(name, path, level.handle, mount)
                    if mount is not None:
                        self.left_out.elsewhere(text(path), mount.kind)
                    elif _is_folder(entry):
                        level.folders.append(name)
        except OSError as error:
            self.left_out.refusing(text(self._path), error)
        level.folders.sort(reverse=True)

    def _go_into(self, name: bytes) -> bool:
        path = below(self._path, name)
        try:
            self._policy.check_path(os.fsdecode(path))
            handle = os.open(name, _FOLDER, dir_fd=self._levels[-1].handle)
        except FirelineError:
            self.left_out.policy(text(path))
            return False
        except (FileNotFoundError, NotADirectoryError):
            return False  # gone, or another thing by now
        except OSError as error:
            self.left_out.refusing(text(path), error)
            return False
        if not self._push(handle):
            self.left_out.again(text(path))
            return False
        self._path = path
        if len(self._levels) > KEPT:
            _close(self._levels[-2])
        return True

    def _push(self, handle: int) -> bool:
        facts = os.fstat(handle)
        identity = (facts.st_dev, facts.st_ino)
        if facts.st_dev not in self._once:
            if identity in self._entered:
                os.close(handle)
                return False
            self._entered.add(identity)
        self._levels.append(_Level(handle, identity, []))
        return True

    def _go_back(self) -> None:
        done = self._levels.pop()
        self._path = os.path.dirname(self._path)
        if self._levels and self._levels[-1].handle < 0:
            level = self._levels[-1]
            level.handle = self._up(level, done)
            if level.handle < 0 and level.folders:
                level.folders.clear()
                self.left_out.moved(text(self._path))
        _close(done)

    def _up(self, level: _Level, below_it: _Level) -> int:
        """The folder's handle again, by `..` or by its path; -1 if neither is that folder."""
        ways: list[Callable[[], int]] = [lambda: open_path(self._path, _FOLDER)]
        if below_it.handle >= 0:
            ways.insert(0, lambda: os.open(b"..", _FOLDER, dir_fd=below_it.handle))
        for way in ways:
            try:
                handle = way()
            except OSError:
                continue
            facts = os.fstat(handle)
            if (facts.st_dev, facts.st_ino) == level.identity:
                return handle
            os.close(handle)
        return -1


def _close(level: _Level) -> None:
    if level.handle >= 0:
        os.close(level.handle)
        level.handle = -1


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False  # a file system that does not tell kinds, and an entry that is gone
