"""Bytes into one open file past the page cache where its file system can, else through it.

Whoever has the file says how O_DIRECT is set: this module knows no platform.

1. Written are whole blocks out of page-aligned memory, the rest at `finish`: what open(2) asks of
   O_DIRECT. A gigabyte then neither costs a second copy nor pushes out what others have cached,
   and no sync has to wait for it.
2. `on_written` gets exactly what lies in the file, in order, also where a write failed half-way.
"""

import errno
import mmap
import os
from collections.abc import Callable

BLOCK = 1 << 20
PAGE = 4096

SetDirect = Callable[[int, bool], bool]
"""Sets O_DIRECT on a descriptor, or not; False where the file system has only the cache."""


class DirectWriter:
    """Appends to a descriptor that is at its end and at a multiple of a page. For a thread."""

    def __init__(
        self, descriptor: int, set_direct: SetDirect, on_written: Callable[[memoryview], None]
    ) -> None:
        self._descriptor, self._on_written = descriptor, on_written
        self._set_direct = set_direct
        self._memory = memoryview(mmap.mmap(-1, BLOCK))
        self._filled = 0
        self.direct = set_direct(descriptor, True)

    def write(self, data: bytes) -> None:
        """Takes all of it; what fills a block is written."""
        left = memoryview(data)
        while left:
            taken = min(len(left), BLOCK - self._filled)
            self._memory[self._filled : self._filled + taken] = left[:taken]
            self._filled += taken
            left = left[taken:]
            if self._filled == BLOCK:
                self._out()

    @property
    def waiting(self) -> memoryview:
        """What was taken and is not written yet."""
        return self._memory[: self._filled]

    def skip(self, size: int) -> None:
        """Leaves a hole of `size` behind what was taken, which is written first."""
        if self._filled % PAGE:
            self._through_the_cache()
        self._out()
        if size % PAGE:
            self._through_the_cache()
        os.ftruncate(self._descriptor, os.lseek(self._descriptor, 0, os.SEEK_CUR) + size)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def finish(self) -> None:
        """Writes the rest, which is no whole block."""
        if self._filled:
            self._through_the_cache()
            self._out()

    def _out(self) -> None:
        at, self._filled = self._memory[: self._filled], 0
        while at:
            try:
                written = os.write(self._descriptor, at)
            except OSError as error:
                if error.errno != errno.EINVAL or not self.direct:
                    raise
                self._through_the_cache()  # a stricter alignment, or a write that was cut short
                continue
            self._on_written(at[:written])
            at = at[written:]

    def _through_the_cache(self) -> None:
        if self.direct:
            self.direct = False
            self._set_direct(self._descriptor, False)
