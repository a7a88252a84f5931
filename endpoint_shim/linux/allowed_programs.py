"""Which files a rule of a selective isolation means by its program or its package.

1. Only ELF files: a script runs as its interpreter, which runs everybody else's too.
2. Only what root alone can change: the file, and every folder and link on the way to it.
3. A package's programs have to be as the package installed them, where it tells.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from commands.language.errors import Failed
from endpoint_shim.linux import changers, dpkg, rpm
from endpoint_shim.linux.mounts import read_mounts
from endpoint_shim.linux.packages import NEVER_RUN, Entry, stamp_of
from endpoint_shim.linux.verdicts import Key, key_of

FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/bin")
"""Where a program that is named without a folder may lie; the first one counts. Not /snap/bin: what
is in there is the program `snap`, which starts all of them."""
TREES = (
    "/snap/{}/current",
    "/var/lib/snapd/snap/{}/current",
    "/var/lib/flatpak/app/{}/current/active/files",
)
"""Where snap and flatpak have a package's files."""
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z")
ABSENT = "not installed here"
MOST_PROGRAMS, MOST_FILES, MOST_LINKS, MOST_KEPT = 200, 20_000, 40, 4096
"""The last one: digests that are kept."""
_LIBRARY = re.compile(rb"\.so(\.[0-9.]+)?$")
Identity = tuple[int, int]
"""Device and number."""


class Program(NamedTuple):
    """A file that may run with the network."""

    path: bytes
    identity: Identity


class Found(NamedTuple):
    """What a rule means here."""

    programs: tuple[Program, ...] = ()
    why: str = ""
    """Why there is none, or which of its files is none."""


class AllowedPrograms:
    """Looks, and keeps the digests that it took."""

    def __init__(self, trees: tuple[str, ...] = TREES, database: Path = dpkg.DATABASE) -> None:
        self._trees = trees
        self._database = database
        self._as_listed: dict[tuple[Key, bytes], bool] = {}

    def of_process(self, name: str) -> Found:
        """A whole path, or a name in one of FOLDERS."""
        distant = _distant()
        for place in _places(name):
            try:
                program = self._program(place, None, distant)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                return Found((), _said(error))
            if program is None:
                return Found((), f"{place} is no program of its own")
            return Found((program,))
        return Found((), ABSENT)

    def of_package(self, name: str) -> Found:
        """What dpkg, rpm, snap or flatpak have under that name."""
        programs: list[Program] = []
        whys: list[str] = []
        distant = _distant()
        for path, entry in self._files(name):
            try:
                # A link's target is another package's, or is listed itself.
                if path.startswith(distant) or not _may_be_program(path):
                    continue
                program = self._program(os.fsdecode(path), entry, distant)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                whys.append(_said(error))
                continue
            if program is not None and len(programs) < MOST_PROGRAMS:
                programs.append(program)
        more = f", and {len(whys) - 1} more of its files" if len(whys) > 1 else ""
        if whys:
            return Found(tuple(programs), whys[0] + more)
        return Found(tuple(programs), "" if programs else ABSENT)

    def stamp(self, selectors: tuple[str, ...], known: tuple[bytes, ...]) -> object:
        """What changes with the files that are meant; a few stats."""
        places = [*map(os.fsdecode, known), *map(str, (self._database / "status", *rpm.DATABASES))]
        for selector in selectors:
            kind, _, name = selector.partition(" ")
            trees = (tree.format(name) for tree in self._trees)
            places += _places(name) if kind == "process" else trees
        distant = _distant()
        return tuple(
            stamp_of(Path(one)) for one in places if not os.fsencode(one).startswith(distant)
        )

    def _files(self, name: str) -> Iterator[tuple[bytes, Entry | None]]:
        if not PACKAGE.match(name):
            return
        yield from dpkg.of_package(name, self._database).items()
        if rpm.is_here():
            with contextlib.suppress(Failed):  # not installed
                yield from rpm.of_package(name).items()
        for tree in self._trees:
            for number, path in enumerate(_below(tree.format(name))):
                if number >= MOST_FILES:
                    return
                yield path, None

    def _program(
        self, path: str, entry: Entry | None, distant: tuple[bytes, ...]
    ) -> Program | None:
        """The program there; None where it is none; ValueError where it is not to be trusted."""
        real, why = _real(path, distant)
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            facts = os.fstat(handle)
            if not _is_program(handle, facts) or _LIBRARY.search(real):
                return None
            if why:
                raise ValueError(why)
            if entry is not None and not self._holds(entry, handle, facts):
                raise ValueError(f"{os.fsdecode(real)} is not as its package installed it")
        finally:
            os.close(handle)
        return Program(real, (facts.st_dev, facts.st_ino))

    def _holds(self, entry: Entry, handle: int, facts: os.stat_result) -> bool:
        key = key_of(facts), entry.digests
        if key not in self._as_listed:
            if len(self._as_listed) >= MOST_KEPT:
                self._as_listed.clear()
            self._as_listed[key] = entry.holds(handle)
        return self._as_listed[key]


def _places(name: str) -> list[str]:
    return [name] if name.startswith("/") else [f"{one}/{name}" for one in FOLDERS]


def _distant() -> tuple[bytes, ...]:
    """How paths begin that some server answers for."""
    return tuple(one.point.rstrip(b"/") + b"/" for one in read_mounts() if one.may_hang)


def _may_be_program(path: bytes) -> bool:
    """By its name and its mode alone."""
    if path.startswith(NEVER_RUN) or _LIBRARY.search(path):
        return False
    mode = os.lstat(path).st_mode
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def _real(path: str, distant: tuple[bytes, ...]) -> tuple[bytes, str]:
    """Where the path leads, and why it is not to be trusted; empty where it is. Nothing is
    touched that some server answers for."""
    at, parts, links, why = Path("/"), list(Path(path).parts[1:]), 0, changers.of("/", above=True)
    while parts:
        part = parts.pop(0)
        at = at.parent if part == ".." else at / part
        if os.fsencode(at).startswith(distant):
            raise ValueError(f"{at} lies on a network or FUSE file system")
        why = why or changers.of(at, above=bool(parts))
        if stat.S_ISLNK(os.lstat(at).st_mode):
            if (links := links + 1) > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(at))
            target = Path(os.readlink(at))
            at = Path("/") if target.is_absolute() else at.parent
            parts = [*target.parts[target.is_absolute() :], *parts]
    return os.fsencode(at), why


def _is_program(handle: int, facts: os.stat_result) -> bool:
    plain = stat.S_ISREG(facts.st_mode) and facts.st_mode & 0o111
    return bool(plain) and os.pread(handle, 4, 0) == b"\x7fELF"


def _below(folder: str) -> Iterator[bytes]:
    for place, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            yield os.path.join(place, name)


def _said(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{os.fsdecode(error.filename or b'')}: {error.strerror}"
    return str(error)
