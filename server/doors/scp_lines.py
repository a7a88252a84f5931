"""The lines of the old scp protocol; pure.

1. The command is what a remote shell would parse: `scp -t -r -- PATH`, quoted as a shell quotes.
2. `C0644 12 name` brings a file, `D0755 0 name` a folder that `E` ends, `T1 0 2 0` the times of
   what follows. A name is one name: no `/`, no `..`; what it may not be ends the copy, for nobody
   knows what follows.
"""

import argparse
import shlex
from dataclasses import dataclass
from typing import NoReturn

from commands.language.errors import NotUnderstood
from commands.language.visible import visible

LONGEST = 8192


@dataclass(frozen=True)
class Asked:
    """What the far program asks this one to be."""

    source: bool
    recursive: bool
    times: bool
    folder: bool
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """A file or folder that comes."""

    is_folder: bool
    mode: int
    size: int
    name: bytes


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise NotUnderstood(
            f"scp here is the far end of a copy ({visible(message)[:200]}); "
            "type scp on your own machine"
        )


def asked(command: str) -> Asked:
    """Raises NotUnderstood for what no scp client sends."""
    parser = _Parser("scp", add_help=False, allow_abbrev=False)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("-f", dest="source", action="store_true")
    way.add_argument("-t", dest="source", action="store_false")
    for flag in "rpdvq":
        parser.add_argument(f"-{flag}", action="store_true")
    parser.add_argument("paths", nargs="+")
    try:
        words = shlex.split(command)[1:]
    except ValueError:
        raise NotUnderstood("the path of scp has an unpaired quote; quote it twice") from None
    found = parser.parse_args(words)
    if not found.source and len(found.paths) != 1:
        raise NotUnderstood("scp puts into one place; quote a path with blanks twice")
    return Asked(found.source, found.r, found.p, found.d, tuple(found.paths))


def entry(line: bytes) -> Entry:
    """A `C` or `D` line without its end; ValueError for what is none."""
    mode, size, name = line[1:].split(b" ", 2)
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise ValueError(f"{visible(name.decode('utf-8', 'replace'))[:200]} is no name of a file")
    return Entry(line[:1] == b"D", int(mode, 8) & 0o777, _number(size), name)


def times(line: bytes) -> tuple[int, int]:
    """Access and modification of a `T` line, in seconds; ValueError for what is none."""
    modified, _, accessed, _ = line[1:].split(b" ")
    return _number(accessed), _number(modified)


def entry_line(found: Entry) -> bytes:
    kind = b"D" if found.is_folder else b"C"
    if b"\n" in found.name:
        raise ValueError("a name with a line end cannot be told by the old scp protocol; use sftp")
    return b"%s%04o %d %s\n" % (kind, found.mode, found.size, found.name)


def times_line(accessed: int, modified: int) -> bytes:
    return b"T%d 0 %d 0\n" % (modified, accessed)


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise ValueError(f"{visible(text.decode('ascii', 'replace'))[:40]} is no number")
    return int(text)
