"""Space that is held so that a full disk still takes the ends of what ran: one file, given back.

Somebody else may fill the disk to its last byte. Then this file goes, and the records that say why
sessions ended, and a few desk sessions that read, have room until an operator makes more.
"""

import contextlib
import os
from pathlib import Path

from server.audit.folders import create


class Ballast:
    """The file `ballast` of a state folder, or its absence."""

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        self._path = folder / "ballast"
        self.held = self._path.exists()

    def hold(self) -> None:
        """Allocates it; where the disk does not give so much, nothing is held."""
        if self.held:
            return
        with contextlib.suppress(OSError):
            descriptor = create(self._path)
            try:
                os.posix_fallocate(descriptor, 0, self.size)
                self.held = True
            finally:
                os.close(descriptor)
                if not self.held:
                    self._path.unlink()

    def drop(self) -> None:
        """Gives its space back."""
        self._path.unlink(missing_ok=True)
        self.held = False
