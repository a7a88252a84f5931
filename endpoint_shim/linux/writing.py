"""A new file beside its final place: there whole after `finish`, or not at all.

1. The folder is reached name by name without following a link; from then on its handle is used.
2. The bytes go to a file without a name where the file system has such, so that a kill leaves
   nothing; elsewhere to a random name beside it.
3. A name that is taken is never replaced unless asked, and then only a plain file.
"""

import contextlib
import errno
import os
import secrets

from commands.language.direct import DirectWriter
from commands.language.errors import Failed, Refused
from endpoint_shim.linux import kernel
from endpoint_shim.linux.paths import SAID, PathPolicy, in_words, kind_of, real_path, text

MODE = 0o600
_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)
NO_RENAME = (errno.EINVAL, errno.ENOSYS)


def open_folder_of(path: bytes) -> tuple[int, bytes]:
    """A handle of the folder that `path` is to be in, and its last name; no link on the way."""
    folder, name = os.path.split(path)
    at = os.open("/", os.O_PATH | os.O_CLOEXEC)
    so_far = b""
    try:
        for part in filter(None, folder.split(b"/")):
            so_far += b"/" + part
            into = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = into
            _refuse_unless_folder(so_far, at)
        return os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at), name
    except OSError as error:
        raise in_words(error, so_far or path) from error
    finally:
        os.close(at)


def _refuse_unless_folder(path: bytes, handle: int) -> None:
    kind = kind_of(os.fstat(handle).st_mode)
    if kind == "link":
        target = text(os.readlink(b"", dir_fd=handle))
        raise Refused(
            f"{text(path)} is a link to {target}, and nothing is written through a link; "
            "name the folder itself"
        )
    if kind != "directory":
        raise Failed(f"{text(path)} is {SAID[kind]}, not a folder")


class Place:
    """A name in a folder that is open: where a file is to be made or changed."""

    def __init__(self, path: bytes, policy: PathPolicy) -> None:
        policy.check_written(os.fsdecode(path))
        self.path, self.policy = path, policy
        self.folder, self.name = open_folder_of(path)
        try:
            real = os.fsdecode(os.path.join(real_path(self.folder, b""), self.name))
            policy.check_written(real)
            folder = os.fstat(self.folder)
            policy.check_made(os.fsdecode(path), folder.st_dev, folder.st_ino)
            if not self.name:
                raise Refused("/ is a folder; name the file that is to be made")
        except OSError as error:
            self.close()
            raise in_words(error, path) from error
        except BaseException:
            self.close()
            raise

    def there(self) -> kernel.Inode | None:
        """What has the name now; raises Refused for anything but a plain file."""
        try:
            facts = kernel.inode(self.name, self.folder)
        except FileNotFoundError:
            return None
        kind = kind_of(facts.mode)
        if kind != "file":
            raise Refused(f"{text(self.path)} is {SAID[kind]}; only a plain file is replaced")
        self.policy.check_open(os.fsdecode(self.path), facts.device, facts.number)
        return facts

    def close(self) -> None:
        if self.folder >= 0:
            os.close(self.folder)
        self.folder = -1


class Unplaced:
    """A file that has no name yet, or a random one beside its place; gone unless it is put."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.file = -1
        self._beside = b""
        flags = os.O_RDWR | os.O_CLOEXEC
        try:
            self.file = os.open(b".", flags | os.O_TMPFILE, MODE, dir_fd=place.folder)
            return
        except OSError as error:
            if error.errno not in _NO_TMPFILE:
                raise
        name = _random_name()
        self.file = os.open(
            name, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE, dir_fd=place.folder
        )
        self._beside = name

    def put_new(self) -> None:
        """In its place, where FileExistsError says that the name is taken."""
        place = self._place
        if not self._beside:
            self._link(place.name)
            return
        try:
            kernel.rename_new(place.folder, self._beside, place.folder, place.name)
        except OSError as error:
            if error.errno not in NO_RENAME:
                raise
            self._link(place.name)
            os.unlink(self._beside, dir_fd=place.folder)
        self._beside = b""

    def put_over(self) -> None:
        """In its place, whatever plain file has the name."""
        place = self._place
        os.rename(self.beside(), place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
        self._beside = b""

    def put_instead(self, before: kernel.Inode) -> None:
        """In its place if that very file still has the name: the two change names first, so what
        came in between is never lost."""
        place = self._place
        beside = self.beside()
        try:
            kernel.rename_exchange(place.folder, beside, place.folder, place.name)
        except OSError as error:
            if error.errno not in NO_RENAME:
                raise
            self.put_over()
            return
        if kernel.inode(beside, place.folder).identity != before.identity:
            kernel.rename_exchange(place.folder, beside, place.folder, place.name)
            raise Refused(f"{text(place.path)} is another file by now; it was not replaced")
        os.unlink(beside, dir_fd=place.folder)
        self._beside = b""

    def beside(self) -> bytes:
        """A name beside its place, so that it can be renamed."""
        if not self._beside:
            self._link(beside := _random_name())
            self._beside = beside
        return self._beside

    def close(self) -> None:
        if self._beside:
            # Gone already, or the file system is: there is nothing left to undo.
            with contextlib.suppress(OSError):
                os.unlink(self._beside, dir_fd=self._place.folder)
            self._beside = b""
        if self.file >= 0:
            os.close(self.file)
        self.file = -1

    def _link(self, name: bytes) -> None:
        # linkat(2): the way to give a name to a file that has none; fails where one is taken.
        source = f"/proc/self/fd/{self.file}".encode()
        os.link(source, name, dst_dir_fd=self._place.folder, follow_symlinks=True)


class Draft:
    """The blocking half of a NewFile: one file that is being made, from its start to its end."""

    def __init__(self, path: bytes, policy: PathPolicy) -> None:
        self._place = Place(path, policy)
        try:
            self._place.there()
            self._new = Unplaced(self._place)
        except OSError as error:
            self._place.close()
            raise in_words(error, path) from error
        except BaseException:
            self._place.close()
            raise
        self._writer = DirectWriter(self._new.file, kernel.set_direct, lambda _: None)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def finish(self, overwrite: bool) -> None:
        """Synced, put into place, and the place synced."""
        self._writer.finish()
        os.fsync(self._new.file)
        before = self._place.there()
        if before is not None and not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if before is not None:
            os.fchown(self._new.file, before.uid, before.gid)
            os.fchmod(self._new.file, before.mode & 0o777)
        if not overwrite:
            self._new.put_new()
        else:
            self._new.put_over()
        os.fsync(self._place.folder)

    def close(self) -> None:
        """Lets go; what was not finished is gone."""
        self._new.close()
        self._place.close()


def _random_name() -> bytes:
    return f".fireline-{secrets.token_hex(12)}.partial".encode()
