"""Folders that only the shim and the device's administrators enter."""

import sys
from pathlib import Path


def make_folder(path: Path) -> None:
    """A new one; raises FileExistsError where the name is taken."""
    if sys.platform == "win32":
        from endpoint_shim.windows.access import make_private

        make_private(path)
        return
    path.mkdir(mode=0o700)


def keep_folder(path: Path) -> None:
    """Makes it where it is not there; one that is there on Windows is closed to others again."""
    try:
        make_folder(path)
    except FileExistsError:
        if sys.platform == "win32":
            from endpoint_shim.windows.access import set_private

            set_private(path)
