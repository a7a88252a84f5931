"""The way down to a folder, name by name and by handle, through no link; pure.

The system below is the thinnest there can be (`Disk`), so that the steps are raced on Linux too,
against its double.
"""

import ntpath
from typing import Protocol

from commands.language.errors import Failed, Refused
from endpoint_shim.windows.entries import Facts
from endpoint_shim.windows.paths import below, in_words, text


class Disk(Protocol):
    """Files by handle; all raise OSError."""

    def root(self, path: str) -> int:
        """A handle of a drive's root, as in `C:\\\\`."""
        ...

    def enter(self, folder: int, name: str) -> int:
        """A handle of what stands in a folder under a name: itself, never what it points to."""
        ...

    def facts(self, handle: int) -> Facts: ...
    def real_path(self, handle: int, otherwise: str) -> str: ...

    def identity(self, handle: int) -> tuple[int, int]:
        """Volume and number, as os.stat gives them."""
        ...

    def close(self, handle: int) -> None: ...


def folder_of(path: str, disk: Disk) -> tuple[int, str]:
    """A handle of the folder that a whole path's last name is in, and that name."""
    so_far, (*on_the_way, name) = path[:3], path[3:].split("\\")
    try:
        at = disk.root(so_far)
    except OSError as error:
        raise in_words(error, so_far) from error
    try:
        for part in on_the_way:
            so_far = below(so_far, part)
            into = disk.enter(at, part)
            at, done = into, at
            try:
                _refuse_unless_folder_in(so_far, at, done, disk)
            finally:
                disk.close(done)
    except OSError as error:
        disk.close(at)
        raise in_words(error, so_far) from error
    except BaseException:
        disk.close(at)
        raise
    return at, name


def _refuse_unless_folder_in(path: str, handle: int, above: int, disk: Disk) -> None:
    kind, leads = disk.facts(handle).kind, ""
    if kind not in ("directory", "link"):
        raise Failed(f"{text(path)} is a plain file, not a folder")
    real, real_above = disk.real_path(handle, ""), disk.real_path(above, "")
    # What is opened lies directly in what it was opened from, or the step led elsewhere, whatever
    # the file system calls that.
    if kind == "directory" and real and real_above:
        if _same(ntpath.dirname(real), real_above):
            return
        kind, leads = "link", f" to {text(real)}"
    if kind == "link":
        raise Refused(
            f"{text(path)} is a link{leads}, and nothing is written through a link; "
            "name the folder itself"
        )


def _same(one: str, other: str) -> bool:
    return one.rstrip("\\").lower() == other.rstrip("\\").lower()
