"""The few system calls that Python lacks: statx, renameat2 and fstatfs, through ctypes.

1. What is asked is never opened and never followed: AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT.
2. A kernel or sandbox without statx gets the plain stat; only birth time and flags are missing.
"""

import ctypes
import errno
import fcntl
import os
import struct
import sys
from typing import NamedTuple

_libc = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD = -100
_NOFOLLOW = 0x100 | 0x800  # AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT
_EMPTY_PATH, _DONT_SYNC = 0x1000, 0x4000
_BASIC_AND_BTIME = 0xFFF
_HAS_BTIME = 0x800
_COMPRESSED, _IMMUTABLE = 0x4, 0x10
_NOREPLACE, _EXCHANGE = 1, 2
_PDEATHSIG, _KEEPCAPS = 1, 8
_CAPABILITY_VERSION_3 = 0x20080522
# linux/stat.h: mask blksize attributes nlink uid gid mode ino size blocks attributes_mask,
# then accessed, born, changed, modified, then four device numbers.
_STATX = struct.Struct("=IIQIIIHxxQQQQ" + "qIxxxx" * 4 + "IIII")
_TIMES = 2**63 - 1


class Inode(NamedTuple):
    """What the system says of one file; times in milliseconds, None where it has none."""

    mode: int
    size: int
    uid: int
    gid: int
    links: int
    device: int
    number: int
    accessed: int
    created: int | None
    changed: int
    modified: int
    compressed: bool | None
    immutable: bool

    @property
    def identity(self) -> tuple[int, int, int | None]:
        """Device, number and birth: a number alone is given to another file in time."""
        return self.device, self.number, self.created


def inode(name: bytes = b"", dir_fd: int | None = None) -> Inode:
    """The facts of `name` in the open folder, of the handle itself when the name is empty."""
    flags = _NOFOLLOW if name else _NOFOLLOW | _EMPTY_PATH
    try:
        return _asked(name, dir_fd, flags)
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return _plain(name, dir_fd)
        raise


def cached(path: bytes) -> Inode:
    """Where links of /proc lead, as the kernel has it in memory: no server is asked, and none can
    make the caller wait."""
    return _asked(path, None, _DONT_SYNC)


def _asked(name: bytes, dir_fd: int | None, flags: int) -> Inode:
    buffer = ctypes.create_string_buffer(256)
    at = _AT_FDCWD if dir_fd is None else dir_fd
    _checked(_libc.statx(at, name, flags, _BASIC_AND_BTIME, buffer), name)
    (mask, _, flag, links, uid, gid, mode, ino, size, _, known, *rest) = _STATX.unpack_from(buffer)
    accessed, born, changed, modified = (milliseconds(*rest[i : i + 2]) for i in range(0, 8, 2))
    return Inode(
        mode=mode,
        size=size,
        uid=uid,
        gid=gid,
        links=links,
        device=os.makedev(rest[10], rest[11]),
        number=ino,
        accessed=accessed,
        # An image that was built without birth times holds 0 for all of them.
        created=born if mask & _HAS_BTIME and born else None,
        changed=changed,
        modified=modified,
        compressed=bool(flag & _COMPRESSED) if known & _COMPRESSED else None,
        immutable=bool(flag & _IMMUTABLE),
    )


def milliseconds(seconds: int, nanoseconds: int) -> int:
    """The time as a number that a row can carry; far outside any calendar it stays an end."""
    return max(-_TIMES, min(_TIMES, seconds * 1000 + nanoseconds // 1_000_000))


def _plain(name: bytes, dir_fd: int | None) -> Inode:
    if name:
        facts = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    else:
        facts = os.fstat(-1 if dir_fd is None else dir_fd)
    return Inode(
        mode=facts.st_mode,
        size=facts.st_size,
        uid=facts.st_uid,
        gid=facts.st_gid,
        links=facts.st_nlink,
        device=facts.st_dev,
        number=facts.st_ino,
        accessed=milliseconds(0, facts.st_atime_ns),
        created=None,
        changed=milliseconds(0, facts.st_ctime_ns),
        modified=milliseconds(0, facts.st_mtime_ns),
        compressed=None,
        immutable=False,
    )


def rename_new(old_dir: int, old: bytes, new_dir: int, new: bytes) -> None:
    """Renames; FileExistsError if the new name is taken."""
    _rename(old_dir, old, new_dir, new, _NOREPLACE)


def rename_exchange(one_dir: int, one: bytes, other_dir: int, other: bytes) -> None:
    """Two files change names at once."""
    _rename(one_dir, one, other_dir, other, _EXCHANGE)


def _rename(old_dir: int, old: bytes, new_dir: int, new: bytes, how: int) -> None:
    _checked(_libc.renameat2(old_dir, old, new_dir, new, how), new)


def file_system(fd: int) -> int:
    """The magic number of the file system that an open file is on (statfs(2))."""
    buffer = ctypes.create_string_buffer(256)
    _checked(_libc.fstatfs(fd, buffer))
    # f_type is a long, and its numbers are written as 32 unsigned bits.
    number = int.from_bytes(buffer.raw[: struct.calcsize("@l")], sys.byteorder)
    return number & 0xFFFF_FFFF


def _checked(result: int, what: bytes | None = None) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def end_with_parent(number: int) -> None:
    """This process gets the signal when its parent ends (PR_SET_PDEATHSIG)."""
    _checked(_libc.prctl(_PDEATHSIG, number, 0, 0, 0))


def become(user: int, group: int) -> None:
    """For good, and with what root may do: a FUSE mount lets only its own user look at it."""
    _checked(_libc.prctl(_KEEPCAPS, 1, 0, 0, 0))
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    head, sets = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), ctypes.create_string_buffer(24)
    _checked(_libc.capget(head, sets))
    words = list(struct.unpack("=6I", sets.raw))
    words[0], words[3] = words[1], words[4]  # effective as permitted
    _checked(_libc.capset(head, struct.pack("=6I", *words)))


def set_direct(descriptor: int, on: bool) -> bool:
    """Sets O_DIRECT, or not; False where the file system has only the page cache."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)
    except OSError:
        return False
    return True
