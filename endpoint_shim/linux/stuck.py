"""Which mount a process in the kernel waits for, found without touching that mount.

Looked at: the open files and folder of its threads (the links of /proc only name them), and the
path that the call it hangs in was given. Mounts are read from mountinfo; nothing is ever stat-ed.
"""

import contextlib
import os
from pathlib import Path

from endpoint_shim.linux import mounts

LONGEST_PATH = 4096


def mount_of(pid: int) -> str:
    """Of the mounts that its threads have to do with, the first of a kind that can hang."""
    there = mounts.read_mounts()
    for path in _paths(pid):
        mount = mounts.mount_of(os.fsencode(path), there)
        if mount is not None and mount.may_hang:
            return mount.point.decode("utf-8", "backslashreplace")
    return ""


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="backslashreplace").strip()
    except OSError:
        return ""


def _paths(pid: int) -> list[str]:
    found: list[str] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            base = f"/proc/{pid}/task/{task}"
            found += _argument_paths(base)
            with contextlib.suppress(OSError):
                found += [os.readlink(f"{base}/fd/{fd}") for fd in os.listdir(f"{base}/fd")]
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"{base}/cwd"))
    return [path for path in found if path.startswith("/")]


def _argument_paths(base: str) -> list[str]:
    """Absolute paths that the arguments of a thread's present system call point to."""
    paths = []
    with contextlib.suppress(OSError, ValueError):
        words = Path(f"{base}/syscall").read_text().split()
        with open(f"{base}/mem", "rb", buffering=0) as memory:
            for word in words[1:4]:
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    memory.seek(int(word, 16))
                    text = memory.read(LONGEST_PATH).split(b"\0", 1)[0]
                    if text.startswith(b"/"):
                        paths.append(os.fsdecode(text))
    return paths
