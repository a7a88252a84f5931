"""Lines that are told only at a package's end: a nameless file of the session's folder.

As many as a package has members would not be held in memory.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

IN_MEMORY = 256 * 1024


class Kept:
    """Lines of bytes, each with its end; read again in their order."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY, "w+b", dir=str(folder))  # noqa: SIM115

    def add(self, line: bytes) -> None:
        self._file.write(line)

    def lines(self) -> Iterator[bytes]:
        """From the first; nothing is added any more."""
        self._file.seek(0)
        # `yield from` would close it with a reader that ends early.
        for line in self._file:  # noqa: UP028
            yield line

    def close(self) -> None:
        self._file.close()
