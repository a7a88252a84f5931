"""A file's row, made from its facts; what cannot be seen of one file stands in its row."""

import os

from commands.language.errors import FirelineError
from commands.language.host.files import FileRow
from commands.language.items import Time
from commands.language.names import from_bytes
from endpoint_shim.linux import kernel
from endpoint_shim.linux.mounts import Mount
from endpoint_shim.linux.paths import PathPolicy, in_words, kind_of, reopened

YEAR_10000_MS = 253_402_300_800_000


def out_of_range(time: Time | None) -> bool:
    """Whether no calendar of four digits has it: then its number is shown as it is."""
    return time is not None and not -YEAR_10000_MS < time < YEAR_10000_MS


def row_of(name: bytes, dir_fd: int, path: bytes, policy: PathPolicy) -> FileRow:
    """The row of `name` in an open folder; `path` is the whole path that it shows."""
    try:
        policy.check_path(os.fsdecode(path))
        return _filled(path, kernel.inode(name, dir_fd), name, dir_fd)
    except FirelineError as refused:
        return bare(path, refused.shown())
    except OSError as error:
        return bare(path, str(in_words(error, path)))


def row_of_handle(handle: int, path: bytes) -> FileRow:
    """The row of what an O_PATH handle looks at."""
    return _filled(path, kernel.inode(dir_fd=handle), b"", handle)


def row_of_mount(path: bytes, mount: Mount) -> FileRow:
    """The row of a mount that is not touched."""
    row = bare(path, f"{mount.kind} is mounted here; not looked at")
    row.is_directory, row.kind = True, "directory"
    return row


def bare(path: bytes, error: str) -> FileRow:
    """A row with nothing but its name and why."""
    hidden = os.path.basename(path).startswith(b".")
    return FileRow(
        path=from_bytes(path), is_directory=False, hidden=hidden, kind="other", error=error
    )


def _filled(path: bytes, facts: kernel.Inode, name: bytes, dir_fd: int) -> FileRow:
    kind = kind_of(facts.mode)
    row = FileRow(
        path=from_bytes(path),
        is_directory=kind == "directory",
        size=facts.size if kind == "file" else None,
        created=None if facts.created is None else Time(facts.created),
        modified=Time(facts.modified),
        hidden=os.path.basename(path).startswith(b"."),
        read_only=facts.immutable or not facts.mode & 0o200,
        compressed=facts.compressed,
        kind=kind,
    )
    if kind == "link":
        row.read_only = None
        row.target = from_bytes(os.readlink(name, dir_fd=dir_fd))
    if out_of_range(row.modified):
        row.error = "its modified time is out of range"
    return row


def opened_folder(handle: int) -> int:
    """A folder's handle for listing, from one that only looks at it."""
    return reopened(handle, os.O_RDONLY | os.O_DIRECTORY)
