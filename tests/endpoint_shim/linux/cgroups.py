"""Whether a test may make control groups here, and a place with cgroup v2 where a host has it."""

import contextlib
import os
from pathlib import Path

AS_ON_A_HOST = (
    "sh", "-c", 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh",
)  # fmt: skip
"""Behind `ip netns exec`, which gives a /sys of its own: cgroup v2 there, and then the rest."""


def writable() -> bool:
    kinds = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return any(words[2] == "cgroup2" and words[3].startswith("rw") for words in kinds)


def root() -> Path:
    """Where this machine has cgroup v2."""
    kinds = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next(Path(words[1]) for words in kinds if words[2] == "cgroup2")


def of(name: str) -> Path:
    """The groups of a network namespace's programs."""
    return root() / f"fireline-pass-{os.stat(f'/run/netns/{name}').st_ino}"


def clear(name: str) -> None:
    """Takes away what a test that failed left of them."""
    for folder, _, _ in os.walk(of(name), topdown=False):
        for pid in (Path(folder) / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (root() / "cgroup.procs").write_text(pid)
        os.rmdir(folder)
