"""fanotify(7) as far as it is needed: the kernel asks before it opens a program to run it.

1. Whoever is asked about holds still until the answer, or until the group's last descriptor is
   closed: a killed process leaves nothing held.
2. The kernel opens what it asks about in the reader's name. On a mount that some server answers
   for, that may wait for ever: such mounts have a group, and a process, of their own.
"""

import ctypes
import os
import struct
from typing import NamedTuple

_libc = ctypes.CDLL(None, use_errno=True)
_CLOEXEC, _NONBLOCK, _CLASS_CONTENT, _UNLIMITED_QUEUE, _REPORT_TID = 0x1, 0x2, 0x4, 0x10, 0x100
_ADD, _MOUNT, _FILESYSTEM = 0x1, 0x10, 0x100
_OPEN_EXEC_PERM = 0x0004_0000
_AT_FDCWD = -100
_ALLOW, _DENY = 1, 2
_METADATA = struct.Struct("=IBBHQii")
_RESPONSE = struct.Struct("=iI")
UNTOLD = b"(a name that is too long to tell)"
_AT_ONCE = 64
"""Questions read at once: each is an open file."""


class Question(NamedTuple):
    """A program that is to be opened for running, and the thread that asks."""

    handle: int
    thread: int


class Group:
    """One fanotify group that is asked before programs start."""

    def __init__(self, nonblocking: bool = True) -> None:
        flags = _CLOEXEC | _CLASS_CONTENT | _UNLIMITED_QUEUE | _REPORT_TID
        flags |= _NONBLOCK if nonblocking else 0
        opened = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_LARGEFILE", 0)
        self.handle = _checked(_libc.fanotify_init(flags, opened), b"fanotify")

    def mark_file(self, path: bytes) -> None:
        """Asks about this one file, under whichever name."""
        self._mark(path, _ADD)

    def mark_mount(self, path: bytes) -> None:
        """Asks about programs opened through this one mount."""
        self._mark(path, _ADD | _MOUNT)

    def mark_file_system(self, path: bytes) -> None:
        """Asks about programs of the file system at `path`, through whichever mount, in whichever
        mount namespace."""
        self._mark(path, _ADD | _FILESYSTEM)

    def questions(self) -> list[Question]:
        """What is asked now; those that the kernel could not open it has denied itself."""
        try:
            data = os.read(self.handle, _METADATA.size * _AT_ONCE)
        except OSError:
            return []
        found, at = [], 0
        while at + _METADATA.size <= len(data):
            length, _, _, _, mask, handle, thread = _METADATA.unpack_from(data, at)
            if handle >= 0 and mask & _OPEN_EXEC_PERM:
                found.append(Question(handle, thread))
            at += max(length, _METADATA.size)
        return found

    def answer(self, question: Question, may: bool) -> None:
        """Lets it go on, or fail with EPERM."""
        try:
            os.write(self.handle, _RESPONSE.pack(question.handle, _ALLOW if may else _DENY))
        except FileNotFoundError:
            return  # who asked was killed meanwhile

    def close(self) -> None:
        """Whoever is held goes on."""
        os.close(self.handle)

    def _mark(self, path: bytes, flags: int) -> None:
        mask = ctypes.c_uint64(_OPEN_EXEC_PERM)
        _checked(_libc.fanotify_mark(self.handle, flags, mask, _AT_FDCWD, path), path)


def path_of(question: Question) -> bytes:
    """The name of what is asked about, as this process sees it."""
    try:
        return os.readlink(b"/proc/self/fd/%d" % question.handle)
    except OSError:
        return UNTOLD  # deeper than the longest name that the kernel tells


def _checked(result: int, what: bytes) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result
