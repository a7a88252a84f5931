"""A double of the Windows disk on Linux: files by handle and one name, links as reparse points.

It is for races, which Wine cannot show (there a link is seen by its path only); each of its words
is one call of this kernel that says the same as NtCreateFile and NtSetInformationFile do.
"""

import errno
import os
import secrets
import stat
from pathlib import Path

from endpoint_shim.windows.entries import DIRECTORY, REPARSE_POINT, SYMLINK, Facts


class LinuxDisk:
    """Drive C: is a folder; what lies outside of it has paths of drive Z:."""

    def __init__(self, top: Path, *, follows: bool = False) -> None:
        self.top = top
        self._look = os.O_PATH | os.O_CLOEXEC | (0 if follows else os.O_NOFOLLOW)

    def root(self, path: str) -> int:
        assert path == "C:\\"
        return os.open(self.top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def enter(self, folder: int, name: str) -> int:
        return os.open(name, self._look, dir_fd=folder)

    def look(self, path: str) -> int:
        return os.open(self._unix(path), self._look)

    def open(self, path: str) -> int:
        return os.open(self._unix(path), os.O_RDONLY | os.O_CLOEXEC)

    def is_on_disk(self, handle: int) -> bool:
        return stat.S_ISREG(os.fstat(handle).st_mode)

    def target(self, path: str) -> str:
        return os.readlink(self._unix(path))

    def _unix(self, path: str) -> Path:
        return self.top / path[3:].replace("\\", "/")

    def facts(self, handle: int) -> Facts:
        found = os.fstat(handle)
        bits, tag = 0, 0
        if stat.S_ISDIR(found.st_mode):
            bits = DIRECTORY
        elif stat.S_ISLNK(found.st_mode):
            bits, tag = REPARSE_POINT, SYMLINK
        return Facts("", 0, 0, 0, 0, found.st_size, bits, tag)

    def real_path(self, handle: int, otherwise: str) -> str:
        real = os.readlink(f"/proc/self/fd/{handle}")
        top = str(self.top)
        if real == top or real.startswith(f"{top}/"):
            return "C:\\" + real[len(top) + 1 :].replace("/", "\\")
        return "Z:" + real.replace("/", "\\")

    def identity(self, handle: int) -> tuple[int, int]:
        found = os.fstat(handle)
        return found.st_dev, found.st_ino

    def new(self, folder: int, name: str) -> int:
        return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=folder)

    def write(self, file: int, data: bytes) -> None:
        assert os.write(file, data) == len(data)

    def flush(self, file: int) -> None:
        os.fsync(file)

    def like(self, file: int, other: int) -> None:
        os.fchmod(file, os.fstat(other).st_mode & 0o777)

    def place(self, file: int, folder: int, name: str, *, replace: bool) -> None:
        beside = f".{secrets.token_hex(8)}" if replace else name
        source = f"/proc/self/fd/{file}"
        try:
            os.link(source, beside, dst_dir_fd=folder, follow_symlinks=True)
        except FileExistsError:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        if replace:
            os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)

    def close(self, handle: int) -> None:
        os.close(handle)
