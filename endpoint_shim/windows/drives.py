"""The drives of this device by their letters and kinds; nothing touches what is on them."""

import sys

from commands.language.errors import Refused
from endpoint_shim.windows.kernel import kernel32
from endpoint_shim.windows.paths import text

assert sys.platform == "win32"

# GetDriveTypeW.
FIXED, NETWORK, RAM = 3, 4, 6
KINDS = {2: "removable", FIXED: "fixed", NETWORK: "network", 5: "CD", RAM: "RAM"}
LOCAL = (FIXED, RAM)


def drives() -> dict[str, int]:
    """Letter -> kind of every drive that the system has."""
    held = kernel32.GetLogicalDrives()
    letters = (chr(ord("A") + bit) for bit in range(26) if held >> bit & 1)
    return {letter: kind_of(letter) for letter in letters}


def kind_of(letter: str) -> int:
    return int(kernel32.GetDriveTypeW(f"{letter}:\\"))


def local() -> list[str]:
    """The letters of what is built into this device."""
    return [letter for letter, kind in drives().items() if kind in LOCAL]


def refuse_network(path: str) -> None:
    """Raises Refused for a whole path on a network drive: a server there may never answer."""
    if kind_of(path[0]) == NETWORK:
        raise Refused(
            f"{text(path)} is on a network drive, where this device would sign in as itself; "
            "paths here are on its own drives"
        )
