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
_NO_RENAME_NEW = (errno.EINVAL, errno.ENOSYS)


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


class Draft:
    """The blocking half: one file that is being made."""

    def __init__(self, path: bytes, policy: PathPolicy) -> None:
        policy.check_written(os.fsdecode(path))
        self._path = path
        self._policy = policy
        self._folder, self._name = open_folder_of(path)
        self._file = -1
        self._beside = b""
        try:
            real = os.fsdecode(os.path.join(real_path(self._folder, b""), self._name))
            policy.check_written(real)
            folder = os.fstat(self._folder)
            policy.check_made(os.fsdecode(path), folder.st_dev, folder.st_ino)
            if not self._name:
                raise Refused("/ is a folder; name the file that is to be made")
            self._there()
            self._file = self._begun()
            self._writer = DirectWriter(self._file, kernel.set_direct, lambda _: None)
        except OSError as error:
            self.close()
            raise in_words(error, path) from error
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def finish(self, overwrite: bool) -> None:
        """Synced, put into place, and the place synced."""
        self._writer.finish()
        os.fsync(self._file)
        before = self._there()
        if before is not None and not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if before is not None:
            os.fchown(self._file, before.uid, before.gid)
            os.fchmod(self._file, before.mode & 0o777)
        if not overwrite:
            self._place_new()
        else:
            if not self._beside:
                self._link(beside := _random_name())
                self._beside = beside
            os.rename(self._beside, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._beside = b""
        os.fsync(self._folder)

    def close(self) -> None:
        """Lets go; what was not finished is gone."""
        if self._beside:
            # Gone already, or the file system is: there is nothing left to undo.
            with contextlib.suppress(OSError):
                os.unlink(self._beside, dir_fd=self._folder)
            self._beside = b""
        for handle in (self._file, self._folder):
            if handle >= 0:
                os.close(handle)
        self._file = self._folder = -1

    def _begun(self) -> int:
        flags = os.O_RDWR | os.O_CLOEXEC
        try:
            return os.open(b".", flags | os.O_TMPFILE, MODE, dir_fd=self._folder)
        except OSError as error:
            if error.errno not in _NO_TMPFILE:
                raise
        name = _random_name()
        handle = os.open(
            name, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE, dir_fd=self._folder
        )
        self._beside = name
        return handle

    def _there(self) -> kernel.Inode | None:
        """What has the name now; raises Refused for anything but a plain file."""
        try:
            facts = kernel.inode(self._name, self._folder)
        except FileNotFoundError:
            return None
        kind = kind_of(facts.mode)
        if kind != "file":
            raise Refused(f"{text(self._path)} is {SAID[kind]}; only a plain file is replaced")
        self._policy.check_open(os.fsdecode(self._path), facts.device, facts.number)
        return facts

    def _place_new(self) -> None:
        if not self._beside:
            self._link(self._name)
            return
        try:
            kernel.rename_new(self._folder, self._beside, self._name)
        except OSError as error:
            if error.errno not in _NO_RENAME_NEW:
                raise
            self._link(self._name)
            os.unlink(self._beside, dir_fd=self._folder)

    def _link(self, name: bytes) -> None:
        # linkat(2): the way to give a name to a file that has none; fails where one is taken.
        source = f"/proc/self/fd/{self._file}".encode()
        os.link(source, name, dst_dir_fd=self._folder, follow_symlinks=True)


def _random_name() -> bytes:
    return f".fireline-{secrets.token_hex(12)}.partial".encode()
