"""What /proc says of one process, read as bytes: nothing in it is trusted to be one line.

1. `stat` is cut at its last `)`: a name may hold blanks, brackets and newlines.
2. The user is the owner of /proc/PID; the text of `status` can be forged by a name.
3. A read of a process that has ended raises OSError; callers leave that process out.
"""

import contextlib
import os
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MOST_COMMAND_LINE = 256 * 1024
DELETED = b" (deleted)"
_KERNEL_THREAD = 0x0020_0000  # PF_KTHREAD


class Stat(NamedTuple):
    """/proc/PID/stat, the fields that are used (proc_pid_stat(5))."""

    comm: bytes
    state: str
    parent: int
    session: int
    kernel: bool
    cpu: float
    started: int
    """In clock ticks after boot."""
    resident: int


class Boot(NamedTuple):
    """What makes a start tick unique and turns it into a time."""

    identity: str
    at_ms: int


def read(path: str, most: int = 1 << 20) -> bytes:
    """A file of /proc to its end, or `most` bytes of it."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        pieces = []
        while most > 0 and (piece := os.read(handle, min(most, 65_536))):
            pieces.append(piece)
            most -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(handle)


def pids() -> list[int]:
    """The numbers of all processes, rising."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def sockets(pid: int) -> list[int]:
    """The numbers of the sockets that it has open; what it closes meanwhile is left out."""
    found = []
    for handle in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/{pid}/fd/{handle}")
            if target.startswith("socket:["):
                found.append(int(target[8:-1]))
    return found


def boot() -> Boot:
    """This boot's identity, and when it was by the clock as it goes now."""
    identity = read("/proc/sys/kernel/random/boot_id").decode("ascii").strip()
    for line in read("/proc/stat").splitlines():
        if line.startswith(b"btime "):
            return Boot(identity, int(line[6:]) * 1000)
    return Boot(identity, 0)


def stat(pid: int) -> Stat:
    """Parsed from the outside in."""
    data = read(f"/proc/{pid}/stat")
    before, _, after = data.rpartition(b")")
    fields = after.split()
    return Stat(
        comm=before.partition(b"(")[2],
        state=fields[0].decode("ascii", "replace"),
        parent=int(fields[1]),
        session=int(fields[3]),
        kernel=bool(int(fields[6]) & _KERNEL_THREAD),
        cpu=(int(fields[11]) + int(fields[12])) / TICKS,
        started=int(fields[19]),
        resident=int(fields[21]) * PAGE,
    )


def owner(pid: int) -> int:
    """The user that the process acts as."""
    return os.stat(f"/proc/{pid}").st_uid


def private_bytes(pid: int) -> int:
    """Resident memory that is no file's: cheap, where smaps_rollup walks all pages."""
    fields = read(f"/proc/{pid}/statm").split()
    return (int(fields[1]) - int(fields[2])) * PAGE


def command_line(pid: int) -> tuple[list[bytes], bool]:
    """The arguments as the process has them now, and whether they were cut."""
    data = read(f"/proc/{pid}/cmdline", MOST_COMMAND_LINE + 1)
    cut = len(data) > MOST_COMMAND_LINE
    data = data[:MOST_COMMAND_LINE]
    if not data:
        return [], False
    # A title written over the arguments is padded with NULs up to their old length.
    kept = data.rstrip(b"\0")
    padding = len(data) - len(kept)
    if padding > 16 or not kept:
        data = kept
    return (data[:-1] if data.endswith(b"\0") else data).split(b"\0"), cut


def program(pid: int) -> tuple[bytes, bool]:
    """The file that really runs, and whether it is deleted; empty for a kernel thread."""
    try:
        path = os.readlink(f"/proc/{pid}/exe".encode())
    except FileNotFoundError:
        return b"", False
    if not path.endswith(DELETED):
        return path, False
    return (path, False) if _is_there(pid, path) else (path[: -len(DELETED)], True)


def _is_there(pid: int, path: bytes) -> bool:
    """Whether a file is really called `… (deleted)`, seen from the process's own root."""
    try:
        running = os.stat(f"/proc/{pid}/exe")
        named = os.stat(f"/proc/{pid}/root".encode() + path)
    except OSError:
        return False
    return os.path.samestat(running, named)
