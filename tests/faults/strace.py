"""What a traced broker did to the files of its state folder: strace's log, read as calls.

The log is one line a call, flushed before the call's end is told to the broker. So what a client
has seen answered lies in the log up to where the log ended then: a length of the log is a moment.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CALLS = (
    "open openat creat close lseek write pwrite64 writev pwritev ftruncate truncate fallocate"
    " fsync fdatasync sync_file_range rename renameat renameat2 link linkat unlink unlinkat"
    " mkdir mkdirat rmdir dup dup2 dup3 fcntl copy_file_range symlink symlinkat"
)
LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>(.*)|(\w+)\((.*))$", re.DOTALL)
RESULT = re.compile(r"^(.*)\) += (-?\d+|\?)", re.DOTALL)
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
DESCRIPTOR = re.compile(r"^(\d+)<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?")
UNFINISHED = "<unfinished ...>"


def under(log: Path) -> list[str]:
    """What to start a program by, so that it is traced and stays its starter's child."""
    return [
        "strace", "-D", "-f", "-y", "-xx", "-s", str(64 << 20), "--seccomp-bpf",
        "-e", "signal=none", "-o", str(log), "-e", f"trace={CALLS.replace(' ', ',')}",
    ]  # fmt: skip


class Call(NamedTuple):
    """One call that succeeded; moments are lengths of the log."""

    began: int
    ended: int
    name: str
    given: list[str]
    result: int
    texts: list[bytes]
    """Paths and what was written, in the order of the arguments."""

    def descriptor(self) -> tuple[int, str]:
        """The first argument: its number, and where it leads ("" when that has gone)."""
        found = DESCRIPTOR.match(self.given[0])
        if found is None:
            raise ValueError(f"no descriptor in {self.name}({self.given})")
        return int(found[1]), "" if found[3] else unhex(found[2]).decode()


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def calls(log: Path, root: Path) -> Iterator[Call]:
    """Every call on something below `root` that succeeded, in the order in which they ended."""
    place = "".join(f"\\x{byte:02x}" for byte in str(root).encode())
    mark = re.compile(re.escape(place) + r'(?:\\x2f|[>"])')
    begun: dict[str, tuple[int, str, str]] = {}
    at = 0
    with log.open("rb") as file:
        for raw in file:
            start, at = at, at + len(raw)
            line = raw.decode("ascii", "replace").rstrip("\n")
            found = LINE.match(line)
            if found is None:
                continue
            thread, resumed, rest, name, given = found.groups()
            if resumed is not None:
                if thread not in begun:
                    continue
                start, name, given = begun.pop(thread)
                given += rest
            elif not mark.search(line):
                continue
            elif line.endswith(UNFINISHED):
                given = given.removesuffix(UNFINISHED)
                if name != "close":
                    begun[thread] = start, name, given
                    continue
                given += ") = 0"  # another thread may get its number before it has ended
            told = RESULT.match(given)
            if told is not None and told[2] != "?" and int(told[2]) >= 0:
                texts = [unhex(text) for text in TEXT.findall(told[1])]
                yield Call(start, at, name, told[1].split(", "), int(told[2]), texts)
