"""A folder's entries as rows, in runs of names that are sorted; memory stays flat."""

import contextlib
import os
import sys
from collections.abc import Generator
from itertools import islice

from commands.language.errors import Failed, FirelineError
from commands.language.host.files import FileRow
from commands.language.names import Name, from_text
from endpoint_shim.windows import entries, handles
from endpoint_shim.windows.paths import PREFIX, PathPolicy, below, text
from endpoint_shim.windows.times import YEAR_10000_MS, time_of

assert sys.platform == "win32"

RUN = 4096
"""So many names are sorted at a time: nearly every folder as a whole."""


def listing(path: str, follow: bool, policy: PathPolicy) -> Generator[FileRow, None, None]:
    """The rows of a folder's entries, or the one row of anything else."""
    with handles.looked_at(path, policy, follow=follow) as (handle, _):
        found = handles.facts(handle)
        if not found.is_directory:
            yield row_of(path, found)
            return
    with handles.looked_at(path, policy, read=True, follow=follow) as (handle, _):
        names = handles.listed(handle)
        while run := sorted(islice(names, RUN), key=lambda one: one.name.lower()):
            for one in run:
                yield allowed_row(below(path, one.name), one, policy)


def entered(path: str, policy: PathPolicy) -> str:
    """The real path of a folder that can be entered."""
    with handles.looked_at(path, policy, read=True, follow=True) as (handle, real):
        if not handles.facts(handle).is_directory:
            raise Failed(f"{text(path)} is no folder")
        return real


def row_of(path: str, found: entries.Facts) -> FileRow:
    """A file's row, made from its facts."""
    kind = found.kind
    row = FileRow(
        path=from_text(path),
        is_directory=found.is_directory,
        size=found.size if kind == "file" else None,
        created=time_of(found.created),
        modified=time_of(found.written),
        hidden=bool(found.attributes & entries.HIDDEN),
        read_only=bool(found.attributes & entries.READ_ONLY),
        compressed=bool(found.attributes & entries.COMPRESSED),
        kind=kind,
    )
    if kind == "link":
        row.target = target_of(path)
        if row.target is None:
            row.error = f"its target cannot be read (reparse tag 0x{found.tag:08X})"
    if row.modified is not None and not row.modified < YEAR_10000_MS:
        row.error = "its modified time is out of range"
    return row


def target_of(path: str) -> Name | None:
    """Where a link says that it leads: its own claim."""
    with contextlib.suppress(OSError, ValueError):
        return from_text(os.readlink(PREFIX + path).removeprefix(PREFIX))
    return None


def allowed_row(path: str, found: entries.Facts, policy: PathPolicy) -> FileRow:
    """An entry's row, or that the policy keeps it."""
    try:
        policy.check_path(path)
    except FirelineError as refused:
        return FileRow(
            path=from_text(path), is_directory=False, kind="other", error=refused.shown()
        )
    return row_of(path, found)
