"""One shim at a time for one state folder, and one that contains the device."""

import msvcrt
import os
import sys
from pathlib import Path

from commands.language.errors import Refused

assert sys.platform == "win32"


def hold(state: Path, name: str = "lock") -> int:
    """Takes a lock of the folder until this process ends; Refused while another has it."""
    handle = os.open(state / name, os.O_RDWR | os.O_CREAT | os.O_BINARY, 0o600)
    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except OSError:
        os.close(handle)
        raise Refused(f"a shim runs already with the state in {state}") from None
    return handle
