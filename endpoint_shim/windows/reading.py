"""A plain file, opened for reading by what it is; the handle, never the path, is read.

A lock keeps the handle open while a thread is inside of a read, and keeps its place.
"""

import asyncio
import os
import sys
import threading
from dataclasses import dataclass

from commands.language.errors import Failed, Refused
from commands.language.names import Name, from_text
from endpoint_shim.windows import entries, handles
from endpoint_shim.windows.kernel import close, kernel32
from endpoint_shim.windows.listing import target_of
from endpoint_shim.windows.paths import PathPolicy, in_words, text

assert sys.platform == "win32"

DISK = 1


@dataclass
class Opened:
    """An open plain file and what was true when it was opened."""

    fd: int
    path: str
    real: str
    facts: entries.Facts
    links: int

    def piece(self, length: int, offset: int) -> bytes:
        os.lseek(self.fd, offset, os.SEEK_SET)
        return os.read(self.fd, length)

    def close(self) -> None:
        os.close(self.fd)


def open_plain(path: str, policy: PathPolicy) -> Opened:
    """Refuses by name what is no plain file."""
    with handles.looked_at(path, policy) as (looking, real):
        found = handles.facts(looking)
        refuse_unless_plain(path, found)
        # A hard link has a path of its own. Both sides of this are numbered by the same Python.
        identity = handles.identity(looking)
        policy.check_open(path, *identity)
        # Followed now, for what stands behind a placeholder or a compressed file is its content;
        # that the same thing is open is what counts, for the path may lead elsewhere by now.
        handle = handles.look(path, read=True, follow=True)
        try:
            if kernel32.GetFileType(handle) != DISK:
                raise Refused(f"{text(path)} is a device, not a plain file")
            if handles.identity(handle) != identity:
                raise Failed(f"{text(path)} became another file while it was opened; try again")
            found = handles.facts(handle)
            counted = handles.links(handle)
        except BaseException:
            close(handle)
            raise
        return Opened(handles.descriptor(handle), path, real, found, counted)


def refuse_unless_plain(path: str, found: entries.Facts) -> None:
    """Raises Refused that names what is there instead of a plain file."""
    if found.kind == "link":
        target = target_of(path)
        leads = f" to {text(target)}" if target else ""
        raise Refused(f"{text(path)} is a link{leads}, not a plain file; ask for that one")
    if found.kind == "directory":
        raise Refused(f"{text(path)} is a folder, not a plain file; only plain files are taken")


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
