"""A walk below folders: through open handles, never through a link or another reparse point.

1. Which drives are local is known before anything touches them (drives.py).
2. What stands for another thing (junction, symbolic link, mounted volume) is not gone into, so
   every folder is entered once; that there were such is said.
3. Depth has no limit: the deepest handles are kept, others are found again by their path, and a
   folder that is not the same any more is left, and said.
"""

import sys
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from commands.language.errors import Failed, FirelineError
from endpoint_shim.left_out import LeftOut
from endpoint_shim.windows import handles, native
from endpoint_shim.windows.entries import RECALL_ON_OPEN, Facts
from endpoint_shim.windows.kernel import close
from endpoint_shim.windows.paths import PathPolicy, below, text

assert sys.platform == "win32"

KEPT = 32
"""So many levels keep their handles."""
_FOLDER = native.READ_DATA | native.READ_ATTRIBUTES
_CLOSED = -1


class Entry(NamedTuple):
    """One name below the start."""

    path: str
    facts: Facts
    folder: int
    """The open folder it is in; good until the next entry is asked for."""


@dataclass
class _Level:
    """A folder on the way down: what of it is still to be entered."""

    handle: int
    identity: tuple[int, int]
    path: str
    folders: list[str]


class Walk:
    """One walk; `entries` is its only use, `left_out` is complete after it."""

    def __init__(
        self,
        starts: Iterable[str],
        policy: PathPolicy,
        top: Callable[[str], bool] = lambda name: True,
    ) -> None:
        """`top` chooses among the names in the starts themselves."""
        self._top = top
        self._starts = list(starts)
        self._policy = policy
        self._levels: list[_Level] = []
        self.left_out = LeftOut()

    def entries(self) -> Generator[Entry, None, None]:
        """Every name below the starts, those of a folder before those of the folders in it.

        One start has to be there; of several, one that refuses is left out.
        """
        try:
            for start in self._starts:
                if self._begin(start):
                    yield from self._entries()
                while self._levels:
                    level = self._levels[-1]
                    if not level.folders:
                        self._go_back()
                    elif self._go_into(level, level.folders.pop()):
                        yield from self._entries()
        finally:
            for level in self._levels:
                _close(level)

    def _begin(self, start: str) -> bool:
        try:
            with handles.looked_at(start, self._policy, read=True, follow=True) as (handle, real):
                if not handles.facts(handle).is_directory:
                    raise Failed(f"{text(start)} is no folder")
                self._push(handles.duplicate(handle), real)
        except FirelineError as error:
            if len(self._starts) == 1:
                raise
            self.left_out.refusing(text(start), OSError(0, str(error)))
            return False
        return True

    def _entries(self) -> Generator[Entry, None, None]:
        level = self._levels[-1]
        try:
            for found in handles.listed(level.handle):
                if len(self._levels) == 1 and not self._top(found.name):
                    continue
                path = below(level.path, found.name)
                yield Entry(path, found, level.handle)
                if found.is_directory and found.attributes & RECALL_ON_OPEN:
                    self.left_out.not_here(text(path))
                elif found.is_directory:
                    level.folders.append(found.name)
                elif found.is_link_to_folder:
                    self.left_out.link(text(path))
        except OSError as error:
            self.left_out.refusing(text(level.path), error)
        level.folders.sort(key=str.lower, reverse=True)

    def _go_into(self, level: _Level, name: str) -> bool:
        path = below(level.path, name)
        try:
            self._policy.check_path(path)
            handle = native.open_below(level.handle, name, _FOLDER)
        except FirelineError:
            self.left_out.policy(text(path))
            return False
        except FileNotFoundError:
            return False
        except OSError as error:
            self.left_out.refusing(text(path), error)
            return False
        if not handles.facts(handle).is_directory:
            close(handle)  # another thing by now
            return False
        self._push(handle, path)
        if len(self._levels) > KEPT:
            _close(self._levels[-1 - KEPT])
        return True

    def _push(self, handle: int, path: str) -> None:
        self._levels.append(_Level(handle, handles.identity(handle), path, []))

    def _go_back(self) -> None:
        _close(self._levels.pop())
        if not self._levels or self._levels[-1].handle != _CLOSED:
            return
        level = self._levels[-1]
        level.handle = _again(level)
        if level.handle == _CLOSED and level.folders:
            level.folders.clear()
            self.left_out.moved(text(level.path))


def _again(level: _Level) -> int:
    """The folder's handle by its path, if that is still the same folder."""
    try:
        handle = handles.look(level.path, read=True)
    except OSError:
        return _CLOSED
    if handles.identity(handle) == level.identity:
        return handle
    close(handle)
    return _CLOSED


def _close(level: _Level) -> None:
    if level.handle != _CLOSED:
        close(level.handle)
        level.handle = _CLOSED
