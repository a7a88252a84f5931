"""A file that only the device's owner can write: its policy, its recipes.

It belongs to root alone (or to the shim's own user where that is not root), is no link, and nobody
else can write it; on Windows its access list lets only administrators change it.
"""

import os
import stat
import sys
from pathlib import Path

from endpoint_shim.durable import FLAGS


def read_trusted(path: Path, most: int) -> bytes:
    """Its bytes; OSError, or ValueError with a sentence for one that is not to be trusted."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | FLAGS)
    with os.fdopen(handle, "rb") as file:
        _check_owner(handle)
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is longer than {most:,} bytes")
    return data


def _check_owner(handle: int) -> None:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        raise ValueError("it is not a plain file")
    if sys.platform == "win32":
        from endpoint_shim.windows import changers

        if names := changers.of_open(handle):
            raise ValueError(f"it can be changed by {names}; only administrators may")
        return
    if facts.st_uid not in (0, os.geteuid()):
        raise ValueError(f"it belongs to user {facts.st_uid}, not to root; chown root it")
    if facts.st_mode & 0o022:
        mode = stat.S_IMODE(facts.st_mode)
        raise ValueError(f"others can write it (mode {mode:o}); chmod go-w it")
