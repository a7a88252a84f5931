"""How files that an SFTP client writes are opened, written and put in their place on Linux."""

import errno
import os
from functools import partial

from commands.language import wire
from commands.language.errors import Refused
from commands.language.names import Name, to_bytes
from endpoint_shim.linux import kernel
from endpoint_shim.linux.paths import PathPolicy, in_words, reopened, text
from endpoint_shim.linux.stats import facts_of_stat
from endpoint_shim.linux.writing import MODE, Place, Unplaced
from endpoint_shim.upload import Identity, Made, Upload, exists

NOT_FOR_OTHERS = 0o022


class Changed:
    """A file that is changed in place."""

    def __init__(self, place: Place, file: int) -> None:
        self._place, self._file = place, file

    def is_at(self, path: str) -> bool:
        return to_bytes(Name(path)) == self._place.path

    def facts(self) -> wire.FileFacts:
        return facts_of_stat(os.path.basename(self._place.path), os.fstat(self._file))

    def set(self, asked: wire.SetFacts) -> None:
        set_facts_of(self._file, self._file, asked)

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._file, length, offset)

    def write(self, data: memoryview, offset: int | None) -> int:
        at = os.fstat(self._file).st_size if offset is None else offset
        return os.pwrite(self._file, data, at)

    def sync(self) -> None:
        os.fdatasync(self._file)

    def finish(self) -> Identity | None:
        os.fsync(self._file)
        os.fsync(self._place.folder)
        return None

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        self._place.close()


class New(Changed):
    """A file that is not in its place yet. `before` has that place until it is replaced."""

    def __init__(self, place: Place, mode: int | None, before: kernel.Inode | None) -> None:
        self._new = Unplaced(place)
        self._before = before
        # As an open file of its client's would be, but for what would let others write to it.
        wanted = MODE if mode is None else mode & ~NOT_FOR_OTHERS
        if before is not None:
            os.fchown(self._new.file, before.uid, before.gid)
            wanted = before.mode & 0o777
        os.fchmod(self._new.file, wanted)
        super().__init__(place, self._new.file)

    def finish(self) -> Identity | None:
        os.fsync(self._file)
        if self._before is None:
            self._new.put_new()
        else:
            self._new.put_instead(self._before)
        os.fsync(self._place.folder)
        return kernel.inode(dir_fd=self._file).identity

    def close(self) -> None:
        self._new.close()
        self._place.close()


def open_to_write(asked: wire.OpenWrite, policy: PathPolicy, made: Made) -> Upload:
    """Raises Refused for what may not be written."""
    path = to_bytes(Name(asked.path))
    place = Place(path, policy)
    try:
        before = place.there()
        if before is None and not asked.create:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if before is not None and (
            asked.exclusive or not (asked.overwrite or before.identity in made)
        ):
            raise exists(text(path))
        if before is None or asked.truncate:
            file: Changed = New(place, asked.mode, before)
        else:
            file = Changed(place, _opened(place, before))
    except OSError as error:
        place.close()
        raise in_words(error, path) from error
    except BaseException:
        place.close()
        raise
    told = partial(in_words, path=path)
    return Upload(file, text(path), told, append=asked.append, replaces=before is not None)


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


def set_facts_of(handle: int, writable: int, asked: wire.SetFacts) -> None:
    """Size, mode and times of what is open, its path unasked; `handle` may be for looking only."""
    place = f"/proc/self/fd/{handle}"
    if asked.size is not None:
        os.ftruncate(writable, asked.size)
    if asked.mode is not None:
        os.chmod(place, asked.mode)
    if asked.mtime is not None:
        os.utime(place, (asked.atime if asked.atime is not None else asked.mtime, asked.mtime))
