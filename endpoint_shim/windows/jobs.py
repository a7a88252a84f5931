"""Groups on Windows are Job objects: they list all that was started in them and end it whole.

1. A job ends with its last handle: a supervisor that is killed takes its workers, and a worker
   its commands, whatever they started.
2. Jobs nest (Windows 8 and later): a command's job lies inside its worker's.
3. No process leaves a job. What may outlive its command is therefore started outside of its
   worker's (breakaway, which only a worker's job allows), in the command's job alone; that one is
   given up without ending it when the processes are to be left.
"""

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from ctypes import wintypes
from pathlib import Path

from endpoint_shim.groups import Group
from endpoint_shim.windows.kernel import SET_QUOTA_AND_TERMINATE, close, failure, kernel32

assert sys.platform == "win32"

# JOBOBJECTINFOCLASS and JOB_OBJECT_LIMIT_*, winnt.h.
PROCESS_IDS, EXTENDED_LIMITS = 3, 9
KILL_ON_JOB_CLOSE, BREAKAWAY_OK = 0x2000, 0x800
CTRL_BREAK = 1
MOST_MEMBERS = 4096
INVALID_PARAMETER = 87
KILLED = 1
"""The exit status of what is ended by force."""


class _Limits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; only the flags are set."""

    _fields_ = (
        ("times", ctypes.c_int64 * 2),
        ("flags", wintypes.DWORD),
        ("working_set", ctypes.c_size_t * 2),
        ("processes", wintypes.DWORD),
        ("affinity", ctypes.c_size_t),
        ("priorities", wintypes.DWORD * 2),
        ("io", ctypes.c_uint64 * 6),
        ("memory", ctypes.c_size_t * 4),
    )


class _Members(ctypes.Structure):
    """JOBOBJECT_BASIC_PROCESS_ID_LIST."""

    _fields_ = (
        ("assigned", wintypes.DWORD),
        ("listed", wintypes.DWORD),
        ("pids", ctypes.c_size_t * MOST_MEMBERS),
    )


class Job:
    """One Job object."""

    place = ""

    def __init__(self, flags: int = KILL_ON_JOB_CLOSE) -> None:
        self._handle: int | None = kernel32.CreateJobObjectW(None, None)
        if not self._handle:
            raise failure()
        self._limit(flags)

    def _limit(self, flags: int) -> None:
        limits = _Limits(flags=flags)
        size = ctypes.sizeof(limits)
        wanted = ctypes.byref(limits)
        if not kernel32.SetInformationJobObject(self._handle, EXTENDED_LIMITS, wanted, size):
            raise failure()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """A child's job is its parent's until `add`; who needs it surely starts it suspended."""
        yield

    def add(self, pid: int) -> None:
        process = kernel32.OpenProcess(SET_QUOTA_AND_TERMINATE, False, pid)
        if not process:
            if (error := failure()).winerror == INVALID_PARAMETER:
                return  # it has ended
            raise error
        try:
            if not kernel32.AssignProcessToJobObject(self._handle, process):
                raise failure()
        finally:
            close(process)

    def members(self) -> list[int]:
        if self._handle is None:
            return []
        found = _Members()
        size = ctypes.sizeof(found)
        # Of more members than fit, those that fit are listed (ERROR_MORE_DATA).
        kernel32.QueryInformationJobObject(
            self._handle, PROCESS_IDS, ctypes.byref(found), size, None
        )
        return sorted(found.pids[: found.listed])

    def signal(self, number: int) -> None:
        """A break event is all that Windows has; who has no console does not get it."""
        for pid in self.members():
            kernel32.GenerateConsoleCtrlEvent(CTRL_BREAK, pid)

    def kill(self) -> None:
        if self._handle is not None:
            kernel32.TerminateJobObject(self._handle, KILLED)

    def leave(self) -> None:
        """Lets go of what was started outside of the worker's job; the rest ends with that one."""
        self._limit(0)
        close(self._handle or 0)
        self._handle = None

    def under(self, name: str) -> Group:
        return Job()

    def remove(self) -> bool:
        if self.members():
            return False
        if self._handle is not None:
            close(self._handle)
            self._handle = None
        return True


class Jobs:
    """This shim's jobs."""

    weaker_stop = ""

    def worker(self, number: int) -> Job:
        return Job(KILL_ON_JOB_CLOSE | BREAKAWAY_OK)

    def close(self) -> None:
        """A job has no place to give up; it goes with its last handle."""

    def end_leftovers(self) -> None:
        """There are none: jobs end with the process that holds them."""


def open_groups(state: Path) -> Jobs:
    return Jobs()


def join_group(place: str) -> Group:
    """In a worker: a job of its own for its commands to lie under; its supervisor's holds it."""
    return Job()
