"""Files that an SFTP client writes, anywhere in them and in any order; each is for one thread.

1. A new file, and one that is truncated, is written beside its place and is there at its end,
   synced and whole, or not at all: who is cut off leaves nothing.
2. A file that is written to without being truncated (`reput`, append) is changed in place; it
   must have one name, or another path would change with it.
3. What was there is touched only if this stream made it, or the rule says `overwrite`.
"""

import errno
import hashlib
import os

from commands.language import wire
from commands.language.errors import Refused
from commands.language.names import Name, to_bytes
from endpoint_shim.linux import kernel
from endpoint_shim.linux.paths import PathPolicy, in_words, reopened, text
from endpoint_shim.linux.stats import facts_of_stat
from endpoint_shim.linux.writing import MODE, Place, Unplaced

SYNCED = 32 << 20
"""So much is written between two syncs: the last one is then short, however long the file."""
NOT_FOR_OTHERS = 0o022


class Made:
    """What this stream made, by identity; the oldest is forgotten first."""

    MOST = 100_000

    def __init__(self) -> None:
        self._made: dict[tuple[int, int, int | None], None] = {}

    def add(self, one: kernel.Inode) -> None:
        if len(self._made) >= self.MOST:
            del self._made[next(iter(self._made))]
        self._made[one.identity] = None

    def __contains__(self, one: kernel.Inode) -> bool:
        return one.identity in self._made


class Upload:
    """A file open for writing. Whoever opened it calls `finish` or `close`, and then no more."""

    replaces = True

    def __init__(self, place: Place, file: int, append: bool) -> None:
        self.path = place.path
        self._place, self._file, self._append = place, file, append
        self._digest = hashlib.sha256()
        self._unsynced = 0

    @property
    def sha256(self) -> str:
        """Of what came, in the order in which it came."""
        return self._digest.hexdigest()

    def is_at(self, path: str) -> bool:
        return to_bytes(Name(path)) == self.path

    def write(self, offset: int, data: bytes) -> None:
        at = os.fstat(self._file).st_size if self._append else offset
        left = memoryview(data)
        try:
            while left:
                written = os.pwrite(self._file, left, at)
                self._digest.update(left[:written])
                at, left = at + written, left[written:]
            self._unsynced += len(data)
            if self._unsynced >= SYNCED:
                self.sync()
        except OSError as error:
            raise in_words(error, self.path) from error

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._file, length, offset)

    def sync(self) -> None:
        os.fdatasync(self._file)
        self._unsynced = 0

    def set(self, asked: wire.SetFacts) -> None:
        set_facts_of(self._file, self._file, asked)

    def facts(self) -> wire.FileFacts:
        return facts_of_stat(os.path.basename(self.path), os.fstat(self._file))

    def finish(self, made: Made) -> None:
        """Synced; its name is synced too."""
        try:
            self._finish()
            os.fsync(self._place.folder)
            if self._is_new:
                made.add(kernel.inode(dir_fd=self._file))
        except FileExistsError as error:
            raise exists(self.path) from error
        except OSError as error:
            raise in_words(error, self.path) from error
        finally:
            self.close()

    _is_new = False

    def _finish(self) -> None:
        os.fsync(self._file)

    def close(self) -> None:
        """Lets go."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        self._place.close()


class NewUpload(Upload):
    """A file that is not in its place yet. `before` has that place until it is replaced."""

    def __init__(
        self, place: Place, append: bool, mode: int | None, before: kernel.Inode | None
    ) -> None:
        self._new = Unplaced(place)
        self.replaces = before is not None
        self._before = before
        # As an open file of its client's would be, but for what would let others write to it.
        wanted = MODE if mode is None else mode & ~NOT_FOR_OTHERS
        if before is not None:
            os.fchown(self._new.file, before.uid, before.gid)
            wanted = before.mode & 0o777
        os.fchmod(self._new.file, wanted)
        super().__init__(place, self._new.file, append)

    _is_new = True

    def _finish(self) -> None:
        os.fsync(self._new.file)
        if self._before is None:
            self._new.put_new()
        else:
            self._new.put_instead(self._before)

    def close(self) -> None:
        self._new.close()
        self._file = -1
        self._place.close()


def open_to_write(asked: wire.OpenWrite, policy: PathPolicy, made: Made) -> Upload:
    """Raises Refused for what may not be written."""
    path = to_bytes(Name(asked.path))
    place = Place(path, policy)
    try:
        before = place.there()
        if before is None and not asked.create:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if before is not None and (asked.exclusive or not (asked.overwrite or before in made)):
            raise exists(path)
        if before is None or asked.truncate:
            return NewUpload(place, asked.append, asked.mode, before)
        return Upload(place, _opened(place, before), asked.append)
    except OSError as error:
        place.close()
        raise in_words(error, path) from error
    except BaseException:
        place.close()
        raise


def _opened(place: Place, before: kernel.Inode) -> int:
    looking = os.open(place.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.folder)
    try:
        found = kernel.inode(dir_fd=looking)
        if found.identity != before.identity:
            raise Refused(f"{text(place.path)} is another file by now; it was not changed")
        if found.links != 1:
            raise Refused(
                f"{text(place.path)} has {found.links} names, and all would change; "
                "put it whole under this one"
            )
        return reopened(looking, os.O_RDWR | os.O_NONBLOCK)
    finally:
        os.close(looking)


def exists(path: bytes) -> Refused:
    error = Refused(
        f"{text(path)} exists and this connection did not make it; choose another name, or have a "
        "rule with the right overwrite: allow"
    )
    error.__cause__ = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return error


def set_facts_of(handle: int, writable: int, asked: wire.SetFacts) -> None:
    """Size, mode and times of what is open, its path unasked; `handle` may be for looking only."""
    place = f"/proc/self/fd/{handle}"
    if asked.size is not None:
        os.ftruncate(writable, asked.size)
    if asked.mode is not None:
        os.chmod(place, asked.mode)
    if asked.mtime is not None:
        os.utime(place, (asked.atime if asked.atime is not None else asked.mtime, asked.mtime))
