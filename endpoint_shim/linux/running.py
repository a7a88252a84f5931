"""What runs on the device beside the known programs, and what started since a moment, in words."""

from collections.abc import Iterable

from endpoint_shim.linux import proc
from endpoint_shim.linux.enforcement import MAX_LISTED, line
from endpoint_shim.linux.starters import Running


def since(
    running: Iterable[Running], moment_ns: int, before: set[tuple[int, int]]
) -> list[Running]:
    """What started after the moment, and what runs unknown and did not before; unknown ones first.

    A process that was there already may have become another program: its start tells nothing.
    """
    ticks = moment_ns * proc.TICKS // 1_000_000_000
    found = [
        one
        for one in running
        if one.start >= ticks or not (one.known or (one.pid, one.start) in before)
    ]
    return sorted(found, key=lambda one: one.known)


def told(what: str, found: Iterable[Running]) -> list[str]:
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
