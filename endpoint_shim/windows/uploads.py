"""How files that an SFTP client writes are opened, written and put in their place on Windows.

1. A new file is one that the system removes when its handle closes, until it is put in its place.
2. A mode means nothing here: access lists are the folder's, or those of what is replaced.
3. NTFS counts in a file's number how often it was given, so that another file never has it.
"""

import errno
import msvcrt
import ntpath
import os
import sys
from functools import partial

from commands.language import wire
from commands.language.errors import Refused
from commands.language.names import Name
from endpoint_shim.upload import Identity, Made, Upload, exists
from endpoint_shim.windows import handles, native
from endpoint_shim.windows.disk import WindowsDisk
from endpoint_shim.windows.entries import READ_ONLY
from endpoint_shim.windows.kernel import close, failure, kernel32
from endpoint_shim.windows.paths import below, in_words, joined, text
from endpoint_shim.windows.stats import ROOT, facts_named
from endpoint_shim.windows.times import filetime_of
from endpoint_shim.windows.walking import folder_of
from endpoint_shim.windows.writing import WritePolicy

assert sys.platform == "win32"

CHANGED = native.READ_DATA | native.WRITE_DATA | native.READ_ATTRIBUTES | native.WRITE_ATTRIBUTES


class Place:
    """A name in a folder that is open: where something is to be made or changed."""

    def __init__(self, asked: str, policy: WritePolicy) -> None:
        self.path, self.policy, self.disk = joined(ROOT, Name(asked)), policy, WindowsDisk()
        policy.check_written(self.path)
        self.folder, self.name = folder_of(self.path, self.disk)
        self._closed = False
        try:
            if not self.name:
                raise Refused(f"{text(self.path)} is a drive; name what is to be made on it")
            folder = handles.real_path(self.folder, self.path[:3])
            policy.check_written(below(folder, self.name))
            policy.check_made(self.path, *handles.identity(self.folder))
        except OSError as error:
            self.close()
            raise in_words(error, self.path) from error
        except BaseException:
            self.close()
            raise

    def open(self, access: int) -> int:
        """A handle of what is there, itself."""
        return native.open_below(self.folder, self.name, access | native.READ_ATTRIBUTES)

    def looked_at(self) -> int | None:
        """A handle of the plain file there, to look at; raises Refused for anything else."""
        try:
            found = self.open(native.READ_CONTROL)
        except FileNotFoundError:
            return None
        try:
            facts = handles.facts(found)
            if facts.kind != "file":
                said = "a folder" if facts.kind == "directory" else f"a {facts.kind}"
                raise Refused(f"{text(self.path)} is {said}; only a plain file is replaced")
            self.policy.check_open(self.path, *handles.identity(found))
            if facts.attributes & READ_ONLY:
                raise Refused(f"{text(self.path)} is read-only; it is not changed")
        except BaseException:
            close(found)
            raise
        return found

    def close(self) -> None:
        if not self._closed:
            close(self.folder)
        self._closed = True


class Changed:
    """A file that is changed in place."""

    def __init__(self, place: Place, handle: int) -> None:
        self._place, self._handle = place, handle
        flags = os.O_RDWR | os.O_BINARY | os.O_NOINHERIT
        self._fd = msvcrt.open_osfhandle(handles.duplicate(handle), flags)

    def is_at(self, path: str) -> bool:
        return joined(ROOT, Name(path)).lower() == self._place.path.lower()

    def facts(self) -> wire.FileFacts:
        return facts_named(ntpath.basename(self._place.path), handles.facts(self._handle))

    def set(self, asked: wire.SetFacts) -> None:
        set_facts_of(self._handle, self._fd, asked)

    def read(self, offset: int, length: int) -> bytes:
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, length)

    def write(self, data: memoryview, offset: int | None) -> int:
        os.lseek(self._fd, offset or 0, os.SEEK_END if offset is None else os.SEEK_SET)
        return os.write(self._fd, data)

    def sync(self) -> None:
        os.fsync(self._fd)

    def finish(self) -> Identity | None:
        self.sync()
        return None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            close(self._handle)
        self._fd = -1
        self._place.close()


class New(Changed):
    """A file that is not in its place yet."""

    def __init__(self, place: Place, *, replaces: bool) -> None:
        self._replaces = replaces
        super().__init__(place, place.disk.new(place.folder, _random_name()))

    def finish(self) -> Identity | None:
        place = self._place
        self.sync()
        if self._replaces and (before := place.looked_at()) is not None:
            try:
                place.disk.like(self._handle, before)
            finally:
                close(before)
        place.disk.place(self._handle, place.folder, place.name, replace=self._replaces)
        place.disk.flush(self._handle)
        return handles.identity(self._handle)


def open_to_write(asked: wire.OpenWrite, policy: WritePolicy, made: Made) -> Upload:
    """Raises Refused for what may not be written."""
    place = Place(asked.path, policy)
    before = None
    try:
        before = place.looked_at()
        if before is None and not asked.create:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if before is not None and (
            asked.exclusive or not (asked.overwrite or handles.identity(before) in made)
        ):
            raise exists(text(place.path))
        if before is None or asked.truncate:
            file: Changed = New(place, replaces=before is not None)
        else:
            file = Changed(place, _opened(place, before))
    except OSError as error:
        place.close()
        raise in_words(error, place.path) from error
    except BaseException:
        place.close()
        raise
    finally:
        if before is not None:
            close(before)
    told = partial(in_words, path=place.path)
    return Upload(file, text(place.path), told, append=asked.append, replaces=before is not None)


def _opened(place: Place, before: int) -> int:
    handle = place.open(CHANGED)
    try:
        if handles.identity(handle) != handles.identity(before):
            raise Refused(f"{text(place.path)} is another file by now; it was not changed")
        if (count := handles.links(handle)) != 1:
            raise Refused(
                f"{text(place.path)} has {count} names, and all would change; "
                "put it whole under this one"
            )
    except BaseException:
        close(handle)
        raise
    return handle


def set_facts_of(handle: int, fd: int, asked: wire.SetFacts) -> None:
    """Size and times of what is open, its path unasked."""
    if asked.size is not None:
        os.ftruncate(fd, asked.size)
    if asked.mtime is not None:
        accessed = asked.mtime if asked.atime is None else asked.atime
        if not kernel32.SetFileTime(handle, None, _stamp(accessed), _stamp(asked.mtime)):
            raise failure()


def _stamp(seconds: int) -> bytes:
    return filetime_of(seconds).to_bytes(8, "little")


def _random_name() -> str:
    return f".fireline-{os.urandom(12).hex()}.partial"
