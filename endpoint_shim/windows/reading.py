"""A plain file, opened for reading by what it is; the handle, never the path, is read.

A lock keeps the handle open while a thread is inside of a read.
"""

import asyncio
import sys
import threading
from dataclasses import dataclass

from commands.language.names import Name, from_text, to_units
from endpoint_shim.windows import entries, handles
from endpoint_shim.windows.drives import refuse_network
from endpoint_shim.windows.kernel import close, kernel32
from endpoint_shim.windows.listing import target_of
from endpoint_shim.windows.opening import opened
from endpoint_shim.windows.paths import PathPolicy, in_words

assert sys.platform == "win32"

DISK = 1


@dataclass
class Opened:
    """An open plain file and what was true when it was opened."""

    handle: int
    path: str
    real: str
    facts: entries.Facts
    links: int

    def piece(self, length: int, offset: int) -> bytes:
        return handles.read(self.handle, length, offset)

    def close(self) -> None:
        close(self.handle)


class OpeningDisk:
    """The real disk below `opening`."""

    def look(self, path: str) -> int:
        refuse_network(path)
        return handles.look(path)

    def open(self, path: str) -> int:
        return handles.look(path, read=True, follow=True)

    def is_on_disk(self, handle: int) -> bool:
        return bool(kernel32.GetFileType(handle) == DISK)

    def facts(self, handle: int) -> entries.Facts:
        return handles.facts(handle)

    def real_path(self, handle: int, otherwise: str) -> str:
        return handles.real_path(handle, otherwise)

    def target(self, path: str) -> str:
        target = target_of(path)
        return "" if target is None else to_units(target)

    def identity(self, handle: int) -> tuple[int, int]:
        return handles.identity(handle)

    def close(self, handle: int) -> None:
        close(handle)


def open_plain(path: str, policy: PathPolicy, *, recall: bool = False) -> Opened:
    """Refuses by name what is no plain file."""
    handle, real = opened(path, policy, OpeningDisk(), recall=recall)
    try:
        found, counted = handles.facts(handle), handles.links(handle)
    except OSError as error:
        close(handle)
        raise in_words(error, path) from error
    return Opened(handle, path, real, found, counted)


class PlainFile:
    """The protocol's FileHandle."""

    sized = True

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._lock = threading.Lock()
        self._closed = False

    @property
    def path(self) -> Name:
        return from_text(self._opened.path)

    @property
    def size(self) -> int:
        return self._opened.facts.size

    async def read(self, offset: int, length: int) -> bytes:
        return await asyncio.to_thread(self._read, offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        with self._lock:
            if self._closed:
                return b""
            try:
                return self._opened.piece(length, offset)
            except OSError as error:
                raise in_words(error, self._opened.path) from error

    async def close(self) -> None:
        # A cancelled read may still be inside; whoever closes does not wait for it.
        asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._opened.close()
