"""How a plain file is opened for reading: looked at, judged, opened, and known again; pure.

1. What stands at the path is looked at without following it, and refused by name where it is no
   plain file, or only a placeholder for one.
2. It is then opened with what stands behind it (a compressed file's content, a recalled one's).
   That the very same thing is open is what counts, for the path may lead elsewhere by now.
"""

from typing import Protocol

from commands.language.errors import Failed, Refused
from endpoint_shim.windows.entries import Facts
from endpoint_shim.windows.paths import PathPolicy, file_of, in_words, text

SAID = {
    "directory": "a folder",
    "pipe": "a pipe of WSL's",
    "socket": "a socket of WSL's",
    "character": "a character device of WSL's",
    "block": "a block device of WSL's",
}


class ReadingDisk(Protocol):
    """Files by path and handle; all raise OSError."""

    def look(self, path: str) -> int:
        """A handle of what stands at a whole path itself; nothing is read or fetched."""
        ...

    def open(self, path: str) -> int:
        """A handle for reading what is behind it."""
        ...

    def is_on_disk(self, handle: int) -> bool: ...
    def facts(self, handle: int) -> Facts: ...
    def real_path(self, handle: int, otherwise: str) -> str: ...
    def target(self, path: str) -> str: ...
    def identity(self, handle: int) -> tuple[int, int]: ...
    def close(self, handle: int) -> None: ...


def opened(
    path: str, policy: PathPolicy, disk: ReadingDisk, *, recall: bool = False
) -> tuple[int, str]:
    """A handle of the plain file at a whole path, and its real path; refused or failed in words."""
    policy.check_path(file_of(path))
    try:
        looking = disk.look(path)
        try:
            real = disk.real_path(looking, path)
            policy.check_path(file_of(real))
            refuse_unless_plain(path, disk.facts(looking), disk, recall=recall)
            # A hard link has a path of its own.
            identity = disk.identity(looking)
            policy.check_open(file_of(path), *identity)
            return same(path, identity, disk), real
        finally:
            disk.close(looking)
    except OSError as error:
        raise in_words(error, path) from error


def same(path: str, identity: tuple[int, int], disk: ReadingDisk) -> int:
    """A handle for reading at a path, of the very file that has that identity."""
    handle = disk.open(path)
    try:
        if not disk.is_on_disk(handle):
            raise Refused(f"{text(path)} is a device, not a plain file")
        if disk.identity(handle) != identity:
            raise Failed(f"{text(path)} became another file while it was opened; try again")
    except BaseException:
        disk.close(handle)
        raise
    return handle


def refuse_unless_plain(path: str, found: Facts, disk: ReadingDisk, *, recall: bool) -> None:
    """Raises Refused that names what is there instead of a plain file."""
    if found.kind == "link":
        target = disk.target(path)
        leads = f" to {text(target)}" if target else ""
        raise Refused(f"{text(path)} is a link{leads}, not a plain file; ask for that one")
    # A folder may have streams, which are as plain as a file's.
    if found.kind != "file" and file_of(path) == path:
        said = SAID[found.kind]
        raise Refused(f"{text(path)} is {said}, not a plain file; only plain files are taken")
    if found.is_elsewhere and not recall:
        raise Refused(
            f"{text(path)} is a placeholder, its content is not on this device; "
            "getfile -recall has the device fetch it first"
        )
