"""What a package manager says of its files, whichever it is."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple, Protocol

ALGORITHMS = {16: "md5", 20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}
"""Length of a digest -> what makes it."""
NEVER_RUN = tuple(
    b"/usr/" + one
    for one in (
        *(b"include/", b"share/doc/", b"share/fonts/", b"share/help/", b"share/i18n/"),
        *(b"share/icons/", b"share/info/", b"share/locale/", b"share/man/", b"share/zoneinfo/"),
    )
)
"""Half of all files, and none a program."""
PIECE = 256 * 1024


class Entry(NamedTuple):
    """A file as its package has it; not changed by anybody later than `listed_ns`."""

    digests: bytes
    """One after another: an older package may still list a file that a newer one took."""
    length: int
    listed_ns: int

    def holds(self, handle: int) -> bool:
        """Whether that is the content of an open file. By offset: the handle's own place is shared
        with whoever else has it."""
        whole = hashlib.new(ALGORITHMS[self.length], usedforsecurity=False)
        at = 0
        while piece := os.pread(handle, PIECE, at):
            whole.update(piece)
            at += len(piece)
        return self.has(whole.digest())

    def has(self, digest: bytes) -> bool:
        places = range(0, len(self.digests), self.length)
        return any(self.digests[at : at + self.length] == digest for at in places)


class Packages(Protocol):
    """The lists as they were when last looked at."""

    name: str
    sha256: str
    """Of all of them."""

    def __len__(self) -> int: ...

    def entry(self, path: bytes) -> Entry | None:
        """The file of this whole, link-free path."""
        ...

    def is_package_script(self, path: bytes) -> bool:
        """Whether it is one that the package manager runs while it installs or removes."""
        ...

    def stale(self) -> bool:
        """Whether packages may have changed since the last look; a few stats."""
        ...

    def look(self) -> bool:
        """Reads what is new; whether anything was. May take its time."""
        ...


def real_name(name: bytes, links: dict[bytes, bytes]) -> bytes:
    """As the kernel says it, where a list still says `/bin/x`."""
    top, slash, rest = name[1:].partition(b"/")
    return links[top] + b"/" + rest if top in links and slash else name


def top_links() -> dict[bytes, bytes]:
    """`bin` -> `/usr/bin`, where those are links."""
    with os.scandir(b"/") as entries:
        return {one.name: os.path.realpath(one.path) for one in entries if one.is_symlink()}


def stamp_of(path: Path) -> tuple[int, int] | None:
    """What changes with a file or folder; None where there is none."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_mtime_ns, facts.st_ino
