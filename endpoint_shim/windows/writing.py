"""A new file beside its final place: there whole after `finish`, or not at all; pure over a disk.

1. The folder is reached name by name without following a link; from then on its handle is used.
2. Until it is whole the file is one that the system removes when its handle closes, so that a
   kill leaves nothing.
3. A name that is taken is never replaced unless asked, and then only a plain file, whose access
   list the new one takes over.
"""

import errno
import os
import secrets
from typing import Protocol

from commands.language.errors import Failed, Refused
from endpoint_shim.windows.entries import READ_ONLY
from endpoint_shim.windows.paths import PathPolicy, below, in_words, text
from endpoint_shim.windows.walking import Disk, folder_of


class WritingDisk(Disk, Protocol):
    """Files by handle that can be made, too; all raise OSError."""

    def new(self, folder: int, name: str) -> int:
        """A file that is gone when its handle closes, unless it was placed."""
        ...

    def write(self, file: int, data: bytes) -> None: ...

    def flush(self, file: int) -> None:
        """What was written is on the disk afterwards, and so is the file's name."""
        ...

    def like(self, file: int, other: int) -> None: ...

    def place(self, file: int, folder: int, name: str, *, replace: bool) -> None:
        """Kept from now on, under its name; raises FileExistsError where that is taken."""
        ...


class WritePolicy(PathPolicy, Protocol):
    """The device's own say over what is made."""

    def check_written(self, path: str) -> None: ...
    def check_made(self, path: str, device: int, number: int) -> None: ...


class Draft:
    """The blocking half: one file that is being made."""

    def __init__(self, path: str, policy: WritePolicy, disk: WritingDisk) -> None:
        policy.check_written(path)
        self._path, self._policy, self._disk = path, policy, disk
        self._folder, self._name = folder_of(path, disk)
        self._file: int | None = None
        self._closed = False
        try:
            if not self._name:
                raise Refused(f"{text(path)} is a folder; name the file that is to be made")
            folder = disk.real_path(self._folder, path[:3])
            policy.check_written(below(folder, self._name))
            policy.check_made(path, *disk.identity(self._folder))
            self._there()
            self._file = disk.new(self._folder, _random_name())
        except OSError as error:
            self.close()
            raise in_words(error, path) from error
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        self._disk.write(self._open(), data)

    def finish(self, overwrite: bool) -> None:
        """Flushed, put into place, and its name flushed."""
        file = self._open()
        self._disk.flush(file)
        taken = self._there(take=overwrite)
        if taken and not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        try:
            self._disk.place(file, self._folder, self._name, replace=overwrite)
        except PermissionError as error:
            if not taken:
                raise
            raise Failed(
                f"{text(self._path)} is in use by another program or protected, and was not "
                "replaced; end that one first, or put it under another name"
            ) from error
        self._disk.flush(file)

    def close(self) -> None:
        """Lets go; what was not finished is gone."""
        if self._file is not None:
            self._disk.close(self._file)
        if not self._closed:
            self._disk.close(self._folder)
        self._file, self._closed = None, True

    def _open(self) -> int:
        if self._file is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._file

    def _there(self, *, take: bool = False) -> bool:
        """Whether something has the name now; raises Refused for anything but a plain file."""
        try:
            found = self._disk.enter(self._folder, self._name)
        except FileNotFoundError:
            return False
        try:
            facts = self._disk.facts(found)
            if facts.kind != "file":
                said = "a folder" if facts.kind == "directory" else f"a {facts.kind}"
                raise Refused(f"{text(self._path)} is {said}; only a plain file is replaced")
            self._policy.check_open(self._path, *self._disk.identity(found))
            if take and facts.attributes & READ_ONLY:
                raise Refused(f"{text(self._path)} is read-only; it is not replaced")
            if take:
                self._disk.like(self._open(), found)
        finally:
            self._disk.close(found)
        return True


def _random_name() -> str:
    return f".fireline-{secrets.token_hex(12)}.partial"
