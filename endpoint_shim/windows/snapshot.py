"""The kernel's list of processes as bytes, and what stands in it; pure.

One call gives every process, also those that nobody may open: SystemProcessInformation, whose
64-bit layout (phnt's ntexapi.h, psutil's ntextapi.h) has been the same since Windows 8.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PROCESS = struct.Struct("<II24xqqqHH4xQi4xQQIIQ8x8xI4x8xQ32xQ")
_FIRST_THREAD = 256
_THREAD = 80
_STATE = struct.Struct("<II")
_STATE_AT = 68
_WAITING, _SUSPENDED = 5, 5


@dataclass(frozen=True)
class Process:
    """One process; times in 100 ns, creation since 1601."""

    pid: int
    parent: int
    name: str
    session: int
    created: int
    cpu: int
    working_set: int
    private: int
    """PagefileUsage: the commit charge, which is what PrivateUsage is elsewhere."""
    suspended: bool


def processes(data: bytes, address: int) -> Iterator[Process]:
    """The processes in a buffer that lay at `address`: names are pointers into it."""
    at = 0
    while True:
        found = _PROCESS.unpack_from(data, at)
        following, threads, created, user, kernel, size, _, pointer = found[:8]
        pid, parent, _, session, _, _, working_set, commit = found[9:]
        name_at = pointer - address if pointer else 0
        name = data[name_at : name_at + size].decode("utf-16-le", "surrogatepass")
        yield Process(
            pid,
            parent,
            name,
            session,
            created,
            user + kernel,
            working_set,
            commit,
            _all_suspended(data, at + _FIRST_THREAD, threads),
        )
        if not following:
            return
        at += following


def _all_suspended(data: bytes, at: int, threads: int) -> bool:
    states = [_STATE.unpack_from(data, at + i * _THREAD + _STATE_AT) for i in range(threads)]
    return bool(states) and all(one == (_WAITING, _SUSPENDED) for one in states)
