"""What runs on the device beside the known programs, and what started since a moment."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from endpoint_shim.linux import kernel, proc
from endpoint_shim.linux.enforcement import MAX_LISTED, line
from endpoint_shim.linux.verdicts import Judge


class Running(NamedTuple):
    """One process, by what makes it unique in this boot."""

    pid: int
    start: int
    path: bytes
    known: bool


def everything(judge: Judge) -> Iterator[Running]:
    """All processes but the kernel's and the shim's own."""
    for pid in proc.pids():
        try:
            facts = proc.stat(pid)
            exe = b"/proc/%d/exe" % pid
            path = os.readlink(exe)
            known = judge.runs_known(path, kernel.cached(exe))
        except (OSError, IndexError, ValueError):
            continue  # it has ended, or is the kernel's and has no file
        if not judge.is_own(path):
            yield Running(pid, facts.started, path, known)


def unknown(judge: Judge) -> list[Running]:
    """What runs now and could not be started again."""
    return [one for one in everything(judge) if not one.known]


def since(judge: Judge, moment_ns: int, before: set[tuple[int, int]]) -> list[Running]:
    """What started after the moment, and what runs unknown and did not before; unknown ones first.

    A process that was there already may have become another program: its start tells nothing.
    """
    ticks = moment_ns * proc.TICKS // 1_000_000_000
    found = [
        one
        for one in everything(judge)
        if one.start >= ticks or not (one.known or (one.pid, one.start) in before)
    ]
    return sorted(found, key=lambda one: one.known)


def told(what: str, found: list[Running]) -> list[str]:
    """A line for each program, with its processes."""
    programs: dict[bytes, list[int]] = {}
    for one in found:
        programs.setdefault(one.path, []).append(one.pid)
    lines = [
        f"{line(path)} (pid {', '.join(map(str, pids[:5]))}{', …' * (len(pids) > 5)}) {what}"
        for path, pids in list(programs.items())[:MAX_LISTED]
    ]
    if len(programs) > MAX_LISTED:
        lines.append(f"{len(programs) - MAX_LISTED:,} more programs: each {what}")
    return lines
