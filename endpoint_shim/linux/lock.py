"""One shim at a time for one state folder, and one that contains the device."""

import fcntl
import os
from pathlib import Path

from commands.language.errors import Refused


def hold(state: Path, name: str = "lock") -> int:
    """Takes a lock of the folder until this process ends; Refused while another has it."""
    handle = os.open(state / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise Refused(f"a shim runs already with the state in {state}") from None
    return handle
