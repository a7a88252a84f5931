"""What is mounted where, from /proc/self/mountinfo: no path is touched to find it out.

A walk skips by path what is not a local file system: behind it may stand a server that does not
answer, and one stat would hang for ever (design.md, section 4).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

LOCAL = frozenset(
    {
        *("bcachefs", "btrfs", "devtmpfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs"),
        *("hfs", "hfsplus", "iso9660", "jfs", "minix", "msdos", "nilfs2", "ntfs", "ntfs3"),
        *("overlay", "ramfs", "reiserfs", "rootfs", "squashfs", "tmpfs", "udf", "ufs", "vfat"),
        *("xfs", "zfs"),
    }
)
PSEUDO = frozenset(
    {
        *("binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs"),
        *("fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "securityfs", "selinuxfs"),
        *("sysfs", "tracefs"),
    }
)
"""The kernel's own: not searched, but nothing in them waits for anybody."""
_ESCAPED = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of mountinfo; `device` as stat numbers it."""

    device: tuple[int, int]
    point: bytes
    options: frozenset[str]
    kind: str
    source: bytes
    of_file_system: bytes
    """Its options beside those of this mount."""

    @property
    def searched(self) -> bool:
        """A local file system; all others are left out of a search."""
        return self.kind in LOCAL

    @property
    def may_hang(self) -> bool:
        """Some server or person answers for it: network, FUSE, automount."""
        return self.kind not in LOCAL | PSEUDO


def read_mounts(path: str = "/proc/self/mountinfo") -> list[Mount]:
    """All mounts in the order they were made visible; a later one hides an earlier."""
    with open(path, "rb") as lines:
        return [mount for line in lines if (mount := parse(line)) is not None]


def parse(line: bytes) -> Mount | None:
    """One line (proc_pid_mountinfo(5)); None for what is none."""
    before, dash, after = line.rstrip(b"\n").partition(b" - ")
    left, right = before.split(b" "), after.split(b" ")
    if not dash or len(left) < 6 or len(right) < 2:
        return None
    major, _, minor = left[2].partition(b":")
    return Mount(
        (int(major), int(minor)),
        _unescaped(left[4]),
        frozenset(left[5].decode("ascii", "replace").split(",")),
        right[0].decode("ascii", "replace"),
        _unescaped(right[1]),
        right[2] if len(right) > 2 else b"",
    )


def _unescaped(field: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), field)


def seen(mounts: Iterable[Mount]) -> dict[bytes, Mount]:
    """Mount point -> the mount that is seen there."""
    return {mount.point: mount for mount in mounts}


def mount_of(path: bytes, mounts: Iterable[Mount]) -> Mount | None:
    """The mount that a whole, link-free path lies on."""
    best: Mount | None = None
    for mount in mounts:
        inside = mount.point == b"/" or path == mount.point or path.startswith(mount.point + b"/")
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best
