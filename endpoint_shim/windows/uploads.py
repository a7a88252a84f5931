"""Files that an SFTP client writes, anywhere in them and in any order; each is for one thread.

1. A new file, and one that is truncated, is one that the system removes when its handle closes,
   until it is whole and put in its place: who is cut off leaves nothing.
2. A file that is written to without being truncated (`reput`, append) is changed in place; it
   must have one name, or another path would change with it.
3. What was there is touched only if this stream made it, or the rule says `overwrite`.
4. A mode means nothing here: access lists are the folder's, or those of what is replaced.
"""

import errno
import hashlib
import msvcrt
import ntpath
import os
import sys

from commands.language import wire
from commands.language.errors import Refused
from commands.language.names import Name
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

SYNCED = 32 << 20
"""So much is written between two syncs: the last one is then short, however long the file."""
CHANGED = native.READ_DATA | native.WRITE_DATA | native.READ_ATTRIBUTES | native.WRITE_ATTRIBUTES


class Made:
    """What this stream made; the oldest is forgotten first. NTFS counts in a file's number how
    often it was given, so that another file never has it."""

    MOST = 100_000

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], None] = {}

    def add(self, handle: int) -> None:
        if len(self._made) >= self.MOST:
            del self._made[next(iter(self._made))]
        self._made[handles.identity(handle)] = None

    def has(self, handle: int) -> bool:
        return handles.identity(handle) in self._made


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


class Upload:
    """A file open for writing. Whoever opened it calls `finish` or `close`, and then no more."""

    replaces = True

    def __init__(self, place: Place, handle: int, append: bool) -> None:
        self._place, self._handle, self._append = place, handle, append
        flags = os.O_RDWR | os.O_BINARY | os.O_NOINHERIT
        self._fd = msvcrt.open_osfhandle(handles.duplicate(handle), flags)
        self._digest = hashlib.sha256()
        self._unsynced = 0

    @property
    def sha256(self) -> str:
        """Of what came, in the order in which it came."""
        return self._digest.hexdigest()

    def is_at(self, path: str) -> bool:
        return joined(ROOT, Name(path)).lower() == self._place.path.lower()

    def write(self, offset: int, data: bytes) -> None:
        try:
            os.lseek(self._fd, 0 if self._append else offset, 2 if self._append else 0)
            left = memoryview(data)
            while left:
                written = os.write(self._fd, left)
                self._digest.update(left[:written])
                left = left[written:]
            self._unsynced += len(data)
            if self._unsynced >= SYNCED:
                self.sync()
        except OSError as error:
            raise in_words(error, self._place.path) from error

    def read(self, offset: int, length: int) -> bytes:
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, length)

    def sync(self) -> None:
        os.fsync(self._fd)
        self._unsynced = 0

    def set(self, asked: wire.SetFacts) -> None:
        set_facts_of(self._handle, self._fd, asked)

    def facts(self) -> wire.FileFacts:
        return facts_named(ntpath.basename(self._place.path), handles.facts(self._handle))

    def finish(self, made: Made) -> None:
        """Flushed; its name is flushed too."""
        try:
            self._finish()
            made.add(self._handle)
        except FileExistsError as error:
            raise exists(self._place.path) from error
        except OSError as error:
            raise in_words(error, self._place.path) from error
        finally:
            self.close()

    def _finish(self) -> None:
        self.sync()

    def close(self) -> None:
        """Lets go; what was new and is not in its place is gone."""
        if self._fd >= 0:
            os.close(self._fd)
            close(self._handle)
        self._fd = -1
        self._place.close()


class NewUpload(Upload):
    """A file that is not in its place yet."""

    def __init__(self, place: Place, append: bool, *, replaces: bool) -> None:
        self.replaces = replaces
        super().__init__(place, place.disk.new(place.folder, _random_name()), append)

    def _finish(self) -> None:
        place = self._place
        self.sync()
        if self.replaces and (before := place.looked_at()) is not None:
            try:
                place.disk.like(self._handle, before)
            finally:
                close(before)
        place.disk.place(self._handle, place.folder, place.name, replace=self.replaces)
        place.disk.flush(self._handle)


def open_to_write(asked: wire.OpenWrite, policy: WritePolicy, made: Made) -> Upload:
    """Raises Refused for what may not be written."""
    place = Place(asked.path, policy)
    try:
        before = place.looked_at()
        if before is None:
            if not asked.create:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            return NewUpload(place, asked.append, replaces=False)
        try:
            if asked.exclusive or not (asked.overwrite or made.has(before)):
                raise exists(place.path)
            if asked.truncate:
                return NewUpload(place, asked.append, replaces=True)
            return Upload(place, _opened(place, before), asked.append)
        finally:
            close(before)
    except OSError as error:
        place.close()
        raise in_words(error, place.path) from error
    except BaseException:
        place.close()
        raise


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


def exists(path: str) -> Refused:
    error = Refused(
        f"{text(path)} exists and this connection did not make it; choose another name, or have a "
        "rule with the right overwrite: allow"
    )
    error.__cause__ = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return error


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
