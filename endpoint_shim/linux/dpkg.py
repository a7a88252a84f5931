"""What dpkg installed, and with which digests: its own lists, read without starting anything.

1. `info/PACKAGE.md5sums` and the conffiles of `status`; a package that is being unpacked has its
   list in `tmp.ci` until it is done. Only root writes there.
2. A list says `bin/x` where /bin is a link to /usr/bin: names are kept as the kernel says them.
3. A diverted file lies under another name.
"""

import contextlib
import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from endpoint_shim.linux.packages import NEVER_RUN, Entry, real_name, stamp_of, top_links

DATABASE = Path("/var/lib/dpkg")
SETTLED_S = 0.5
"""A file system's clock goes in steps: what changes right after a look may look the same."""
MD5 = 16
_SUM = re.compile(rb"^([0-9a-f]{32})  (.+)$", re.M)
_CONFFILE = re.compile(rb"^ (/.+) ([0-9a-f]{32})(?: obsolete)?$", re.M)
_SCRIPTS = re.compile(rb"(?:info/[^/]+\.|tmp\.ci/)(?:preinst|postinst|prerm|postrm|config)")


class _List(NamedTuple):
    stamp: tuple[int, int, int, tuple[int, int] | None]
    """When dpkg wrote it first; the diversions that it was read with last."""
    files: dict[bytes, bytes]


class Dpkg:
    """The lists as they were when last looked at; `look` looks again."""

    name = "dpkg"

    def __init__(self, database: Path = DATABASE) -> None:
        self._database = database
        self._stamp: tuple[object, ...] = ()
        self._settled = 0.0
        self._lock = threading.Lock()
        self._lists: dict[str, _List] = {}
        self._files: dict[bytes, Entry] = {}
        self.sha256 = ""
        self.look()

    def __len__(self) -> int:
        return len(self._files)

    def entry(self, path: bytes) -> Entry | None:
        """The file of this whole, link-free path."""
        return self._files.get(path)

    def is_package_script(self, path: bytes) -> bool:
        """Whether dpkg runs it itself while a package is installed or removed."""
        inside = os.fsencode(self._database) + b"/"
        return path.startswith(inside) and bool(_SCRIPTS.fullmatch(path, len(inside)))

    def stale(self) -> bool:
        """Whether packages may have changed since the last look; a few stats."""
        return time.monotonic() < self._settled or self._stamps() != self._stamp

    def look(self) -> bool:
        """Reads what is new; whether anything was."""
        with self._lock:
            stamp = self._stamps()
            if stamp == self._stamp and time.monotonic() > self._settled:
                return False
            if stamp != self._stamp:
                self._settled = time.monotonic() + SETTLED_S
            lists, self._stamp = self._read(), stamp
            same = lists.keys() == self._lists.keys()
            if same and all(lists[name] is self._lists[name] for name in lists):
                return False
            self._lists = lists
            self._merge()
            return True

    def _read(self) -> dict[str, _List]:
        """All lists; one that is as it was, is the same object."""
        diversions = self._database / "diversions"
        links, diverted, about = top_links(), _diversions(diversions), stamp_of(diversions)
        lists = {}
        for path in self._sources():
            try:
                facts = path.stat()
                key = (facts.st_mtime_ns, facts.st_ino, facts.st_size, about)
                known = self._lists.get(str(path))
                if known is None or known.stamp != key:
                    known = _List(key, dict(_named(path, links, diverted)))
                lists[str(path)] = known
            except FileNotFoundError:
                continue  # dpkg took it away as we looked
        return lists

    def _merge(self) -> None:
        files: dict[bytes, Entry] = {}
        whole = hashlib.sha256()
        for name in sorted(self._lists):
            stamp, listed = self._lists[name]
            for path, digest in listed.items():
                whole.update(path + b"\0" + digest)
                before = files.get(path)
                files[path] = Entry(before.digests + digest if before else digest, MD5, stamp[0])
        self._files, self.sha256 = files, whole.hexdigest()

    def _sources(self) -> list[Path]:
        found = sorted((self._database / "info").glob("*.md5sums"))
        return [*found, self._database / "status", self._database / "tmp.ci" / "md5sums"]

    def _stamps(self) -> tuple[object, ...]:
        return tuple(
            stamp_of(self._database / name) for name in ("info", "status", "diversions", "tmp.ci")
        )


def of_package(name: str, database: Path = DATABASE) -> dict[bytes, Entry | None]:
    """The files of one package, each as it was installed; None of one that its list has without a
    digest."""
    info, links, diverted = database / "info", top_links(), _diversions(database / "diversions")
    files: dict[bytes, Entry | None] = {}
    for path in (info / f"{name}.list", *info.glob(f"{name}:*.list")):
        with contextlib.suppress(FileNotFoundError):
            for line in path.read_bytes().splitlines():
                files[real_name(line, links)] = None
            sums = path.with_suffix(".md5sums")
            listed = sums.stat().st_mtime_ns
            for real, digest in _named(sums, links, diverted):
                files[real] = Entry(digest, MD5, listed)
    return files


def _named(
    path: Path, links: dict[bytes, bytes], diverted: dict[bytes, tuple[str, bytes]]
) -> Iterator[tuple[bytes, bytes]]:
    """Real name -> digest, of one list."""
    data = path.read_bytes()
    if path.name == "status":
        pairs = ((found[1], found[2]) for found in _CONFFILE.finditer(data))
    else:
        pairs = ((b"/" + found[2], found[1]) for found in _SUM.finditer(data))
    package = path.name.removesuffix(".md5sums").partition(":")[0]
    for name, digest in pairs:
        by, other = diverted.get(name, ("", name))
        real = real_name(other if by != package else name, links)
        if not real.startswith(NEVER_RUN):
            yield real, bytes.fromhex(digest.decode("ascii"))


def _diversions(path: Path) -> dict[bytes, tuple[str, bytes]]:
    """A name -> whose file keeps it, and where all others' files of that name lie."""
    if not path.exists():
        return {}
    lines = path.read_bytes().splitlines()
    return {
        lines[at]: (os.fsdecode(lines[at + 2]), lines[at + 1]) for at in range(0, len(lines) - 2, 3)
    }
