"""Who besides the administrators could change a file of the shim (Windows: by access lists)."""

import msvcrt
import sys
from pathlib import Path

from endpoint_shim.windows import handles, sddl
from endpoint_shim.windows.access import described
from endpoint_shim.windows.accounts import own_sid
from endpoint_shim.windows.kernel import close

assert sys.platform == "win32"

READ_CONTROL = 0x20000


def of(path: Path | str, *, above: bool) -> str:
    """A sentence where others could; empty where not. `above`: a folder on the way to it."""
    handle = handles.opened(str(path), READ_CONTROL | handles.READ_ATTRIBUTES)
    try:
        names = by(handle, sddl.REPLACE if above else sddl.CHANGE)
    finally:
        close(handle)
    return f"{path} can be changed by {names}; only administrators should" if names else ""


def of_open(descriptor: int) -> str:
    """Who else could change what Python has open; empty for nobody."""
    return by(msvcrt.get_osfhandle(descriptor), sddl.CHANGE)


def by(handle: int, wanted: int) -> str:
    """Who else has one of the wanted bits over what is open; empty for nobody."""
    return ", ".join(sddl.changers(described(handle), own_sid(), wanted))
