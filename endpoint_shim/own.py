"""The shim's own files, which no command and no SFTP request touches: whoever could change them
could change the device's policy, whoever could read them could be the device.

1. Closed: the state folder, but for this session's folder and the kept files; the policy file,
   wherever it lies; the shim's program. Closed ones have no word that reads them either.
2. Never written: the Python that runs the shim and its libraries. They hold no secret, and who
   looks for an intruder must be able to read them.
3. By path, as written and with links resolved; and by identity, where the system has more names
   for one thing than a path tells (hard links, bind mounts, another namespace).
4. Words that start programs are beyond this: a script of root's reads and writes what root may.
"""

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOMS = (Path(__file__).parent, Path(__file__).parent.parent / "commands")
LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")


@dataclass(frozen=True)
class Places:
    """Whole paths, each with all below it, by every way to write them."""

    paths: frozenset[str] = frozenset()
    below: tuple[str, ...] = ()

    def hold(self, whole: str) -> bool:
        return whole in self.paths or whole.startswith(self.below)


def places(paths: Iterable[Path]) -> Places:
    """As written and where their links lead; touches them."""
    found = {_plain(way(path)) for path in paths for way in (os.path.abspath, os.path.realpath)}
    return Places(frozenset(found), tuple(one.rstrip(os.sep) + os.sep for one in sorted(found)))


@dataclass(frozen=True)
class Own:
    """What is the shim's own on this device, seen from one session."""

    closed: Places = Places()
    free: Places = Places()
    unwritten: Places = Places()
    state: Path | None = None
    policy: Path | None = None

    def is_closed(self, whole: str) -> bool:
        """Whether a whole path, normalised as `os.path.normcase` has it, is off limits."""
        return self.closed.hold(whole) and not self.free.hold(whole)

    def is_unwritten(self, whole: str) -> bool:
        """Whether a whole path is one that is never made or replaced."""
        return self.is_closed(whole) or self.unwritten.hold(whole)

    def is_one(self, device: int, number: int) -> bool:
        """Whether an open file or folder is the shim's own, whatever it is called.

        Looked at anew: the owner may have replaced the policy since.
        """
        return any((one.st_dev, one.st_ino) == (device, number) for one in self._there())

    def is_policy_in(self, device: int, number: int, name: str) -> bool:
        """Whether a name in an open folder is where the policy is or would be."""
        if self.policy is None or os.path.normcase(name) != os.path.normcase(self.policy.name):
            return False
        return any((f.st_dev, f.st_ino) == (device, number) for f in _facts(self.policy.parent))

    def _there(self) -> Iterator[os.stat_result]:
        if self.policy is not None:
            yield from _facts(self.policy)
        if self.state is None:
            return
        yield from _facts(self.state)
        for path in map(str, self.state.iterdir()):
            if not self.free.hold(_plain(path)):
                yield from _facts(Path(path))


def found(state: Path, policy: Path, free: Iterable[Path]) -> Own:
    """The shim's own files here; `free` is what a session may use of the state folder."""
    rooms, python = program()
    return Own(
        closed=places([state, policy, *rooms]),
        free=places(free),
        unwritten=places(python),
        state=state,
        policy=policy,
    )


def program() -> tuple[list[Path], list[Path]]:
    """The shim's own code; and the Python that runs it, with its libraries."""
    if getattr(sys, "frozen", False):
        # One folder of its own: code and libraries (PyInstaller's `_internal`).
        return [Path(sys.executable).parent], []
    prefixes = [Path(sys.prefix)] if sys.prefix != sys.base_prefix else []
    libraries = (Path(sysconfig.get_path(name)) for name in LIBRARIES)
    return list(ROOMS), [*prefixes, Path(sys.executable), *libraries]


def _facts(path: Path) -> Iterator[os.stat_result]:
    try:
        yield os.stat(path)
    except OSError:
        return  # not there: nothing that could be reached by another name


def _plain(path: str) -> str:
    return path if os.name == "posix" else os.path.normcase(path)
