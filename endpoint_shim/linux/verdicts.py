"""Whether a program is known: the shim's own, or as its package installed it. Nothing else is.

1. What memory tells is told at once; only a packaged program's digest takes a reading of it.
2. A name that the kernel gives may lie (another mount namespace shows any name for its own
   files): the shim's own and a package's scripts are compared by identity with what has that name
   here, a packaged program by its digest.
"""

import os
import re
import stat
from collections.abc import Iterator
from typing import NamedTuple

from endpoint_shim.linux.kernel import Inode
from endpoint_shim.linux.packages import Entry, Packages
from endpoint_shim.linux.script_words import is_interpreter

DELETED = b" (deleted)"
NOT_PACKAGED = "no package of this device holds it"
CHANGED = "it is not as its package installed it"
MOST_PARTS = 40

Key = tuple[int, int, int, int, int]
"""What a verdict holds for: device, number, modified, changed, size."""


class Verdict(NamedTuple):
    """Of one file as it is now."""

    may: bool
    why: str = ""
    own: bool = False
    """The shim's, its Python, or what a responder brought."""
    loads: bool = False
    """It is the loader: it maps whatever program it is given."""
    interprets: bytes = b""
    """The name under which it is known, where it runs whatever script it is given."""


OWN, PACKAGED = Verdict(True, own=True), Verdict(True)
_LOADER = re.compile(
    rb"/(ld(-linux[^/]*|-musl[^/]*|-uClibc|64)?(\.so\.[0-9]+|-[0-9.]+\.so)|[^/]*-musl[^/]*/libc\.so)$"
)


Identity = tuple[int, int]
"""Device and number."""


def key_of(facts: os.stat_result) -> Key:
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size


class Judge:
    """Knows the packages and what is the shim's own."""

    def __init__(self, packages: Packages, own: list[bytes]) -> None:
        self.packages = packages
        self._own = frozenset(os.path.realpath(path) for path in own)
        self._below = tuple(path + b"/" for path in self._own)

    def at_once(self, path: bytes, facts: os.stat_result) -> Verdict | None:
        """From memory; None where its content has to be looked at."""
        identity = facts.st_dev, facts.st_ino
        if (verdict := self._by_name(path, facts, identity)) is not None:
            return verdict
        names = (path, *_shorter(path))
        if any(self.packages.entry(name) for name in names) or self.packages.stale():
            return None
        return Verdict(False, NOT_PACKAGED)

    def by_content(self, path: bytes, handle: int) -> Verdict:
        """Reads all of it; and once more in the packages' lists where they have changed."""
        facts = os.fstat(handle)
        identity = facts.st_dev, facts.st_ino
        if (verdict := self._by_name(path, facts, identity)) is not None:
            return verdict
        while True:
            listed = self.packages.sha256
            if (entry := self._entry(path, identity)) is not None and entry.holds(handle):
                return _as_it_is(PACKAGED, path)
            self.packages.look()
            # Another thread may have looked, and found, meanwhile.
            if self.packages.sha256 == listed:
                return Verdict(False, NOT_PACKAGED if entry is None else CHANGED)

    def if_too_late(self, path: bytes, facts: os.stat_result) -> Verdict:
        """While its content is not known yet: a program of a package, older than the list of its
        package and only root's to change, is not held up for a slow disk."""
        entry = self.packages.entry(path)
        if entry is None or facts.st_mtime_ns > entry.listed_ns or not _is_roots(facts):
            return Verdict(False, "its content could not be read in time")
        return _as_it_is(PACKAGED, path)

    def is_known_name(self, path: bytes) -> bool:
        """Whether a name of this mount namespace is ours or a package's: only root changes it."""
        packages = self.packages
        own = self.is_own(path) or packages.is_package_script(path)
        return own or packages.entry(path) is not None

    def is_known_file(self, path: bytes, file: Inode) -> bool:
        """Whether what has that name somewhere is the file that has it here, or was until an
        update took its place."""
        name, identity = path.removesuffix(DELETED), (file.device, file.number)
        if path != name and file.links == 0:
            folder = _here(os.path.dirname(name))
            is_here = folder is not None and folder[0] == file.device
            return is_here and file.uid == 0 and self.is_known_name(name)
        if self.is_known_name(path):
            return _here(path) == identity
        return self._entry(path, identity) is not None

    def is_own(self, path: bytes) -> bool:
        return path in self._own or path.startswith(self._below)

    def _by_name(self, path: bytes, facts: os.stat_result, identity: Identity) -> Verdict | None:
        if self.is_own(path) and _here(path) == identity:
            return _as_it_is(OWN, path)
        if self.packages.is_package_script(path) and _here(path) == identity and _is_roots(facts):
            return PACKAGED
        return None

    def _entry(self, path: bytes, identity: Identity) -> Entry | None:
        if (entry := self.packages.entry(path)) is not None:
            return entry
        for name in _shorter(path):
            if (entry := self.packages.entry(name)) is not None and _here(name) == identity:
                return entry
        return None


def _as_it_is(verdict: Verdict, path: bytes) -> Verdict:
    interprets = path if is_interpreter(path) else b""
    return verdict._replace(loads=bool(_LOADER.search(path)), interprets=interprets)


def _shorter(path: bytes) -> Iterator[bytes]:
    """What the name could be here: a root folder bound elsewhere has more in front."""
    at = path.find(b"/", 1)
    for _ in range(MOST_PARTS):
        if at < 0:
            return
        yield path[at:]
        at = path.find(b"/", at + 1)


def _here(path: bytes) -> Identity | None:
    """What has that name as this process sees the device."""
    try:
        facts = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _is_roots(facts: os.stat_result) -> bool:
    return facts.st_uid == 0 and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
