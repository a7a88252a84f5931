"""A plain file, opened for reading by what it is; the handle, never the path, is read."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

from commands.language.errors import FirelineError, Refused
from commands.language.host.files import Extent
from commands.language.names import Name, from_bytes
from endpoint_shim import sparse
from endpoint_shim.content import HEAD
from endpoint_shim.linux import kernel
from endpoint_shim.linux.paths import (
    SAID,
    PathPolicy,
    in_words,
    kind_of,
    look,
    real_path,
    reopened,
    text,
)

PROC, MEMORY = 0x9FA0, (b"mem", b"kcore")
# statfs(2): proc, sysfs, debugfs, tracefs, securityfs, cgroup, cgroup2, configfs, selinuxfs.
UNSIZED = frozenset(
    {
        *(PROC, 0x62656572, 0x64626720, 0x74726163, 0x73636673),
        *(0x27E0EB, 0x63677270, 0x62656570, 0xF97CFF8C),
    }
)


@dataclass
class Opened:
    """An open plain file and what was true when it was opened."""

    handle: int
    path: bytes
    real: bytes
    facts: kernel.Inode
    sized: bool

    @property
    def name(self) -> Name:
        return from_bytes(self.path)

    @property
    def size(self) -> int:
        return self.facts.size

    def in_words(self, error: OSError) -> FirelineError:
        return in_words(error, self.path)

    def piece(self, length: int, offset: int) -> bytes:
        """What stands there; nothing where a file of the kernel's has nothing to say by now."""
        try:
            data = os.pread(self.handle, length, offset)
        except BlockingIOError:
            return b""
        # A file that is cut while it is read shows zeros where its bytes were (page by page).
        end = os.fstat(self.handle).st_size if self.sized else offset + len(data)
        return data if end >= offset + len(data) else data[: max(0, end - offset)]

    def data(self, offset: int) -> Iterator[tuple[int, int]]:
        """Where data begins and ends; all of it where the file system knows nothing of holes."""
        while offset < self.facts.size:
            try:
                start = os.lseek(self.handle, offset, os.SEEK_DATA)
                stop = os.lseek(self.handle, start, os.SEEK_HOLE)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no data up to its end, which may be nearer by now
                    yield offset, self.facts.size
                return
            yield start, stop
            offset = stop

    def holes(self) -> int:
        return sparse.holes(self.data, self.facts.size)

    def extent(self, offset: int) -> Extent:
        """What begins there, as far as the file goes now."""
        found = sparse.extent(self.data, offset, self.facts.size)
        left = os.fstat(self.handle).st_size - offset
        return found._replace(size=max(0, min(found.size, left)))

    def close(self) -> None:
        os.close(self.handle)


def open_plain(path: bytes, policy: PathPolicy) -> Opened:
    """Looks first, refuses by name what is no plain file, then opens that very file."""
    policy.check_path(os.fsdecode(path))
    try:
        looking = look(path)
        try:
            real = real_path(looking, path)
            policy.check_path(os.fsdecode(real))
            facts = kernel.inode(dir_fd=looking)
            policy.check_open(os.fsdecode(path), facts.device, facts.number)
            refuse_unless_plain(path, looking, facts.mode)
            _refuse_memory(path, real, looking)
            return opened(looking, path, real, facts)
        finally:
            os.close(looking)
    except OSError as error:
        raise in_words(error, path) from error


def opened(looking: int, path: bytes, real: bytes, facts: kernel.Inode) -> Opened:
    """The plain file that a handle looks at, opened for reading."""
    handle = reopened(looking, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return Opened(handle, path, real, facts, _is_sized(handle, facts.size))
    except OSError:
        os.close(handle)
        raise


def head_of(handle: int) -> bytes:
    """The first bytes of an open file."""
    return os.pread(handle, HEAD, 0)


def refuse_unless_plain(path: bytes, handle: int, mode: int) -> None:
    """Raises Refused that names what is there instead of a plain file."""
    kind = kind_of(mode)
    if kind == "link":
        target = text(os.readlink(b"", dir_fd=handle))
        raise Refused(f"{text(path)} is a link to {target}, not a plain file; ask for that one")
    if kind != "file":
        raise Refused(f"{text(path)} is {SAID[kind]}, not a plain file; only plain files are taken")


def _refuse_memory(path: bytes, real: bytes, handle: int) -> None:
    """The shim's key is in its memory, and that of every process is a file of /proc."""
    if os.path.basename(real) in MEMORY and kernel.file_system(handle) == PROC:
        raise Refused(f"{text(path)} is memory, not a file; what is in memory is not read here")


def _is_sized(handle: int, size: int) -> bool:
    if kernel.file_system(handle) in UNSIZED:
        return False
    # Some file systems in user space hand out files of /proc without their size.
    try:
        return size > 0 or not os.pread(handle, 1, 0)
    except BlockingIOError:
        return False
