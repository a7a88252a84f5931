"""A path's facts and a folder's entries as SFTP wants them: POSIX mode, times in seconds."""

import ntpath
import stat
import sys
from collections.abc import Iterator

from commands.language.errors import Failed
from commands.language.names import Name, from_text, to_units
from commands.language.wire import FileFacts
from endpoint_shim.windows import drives, handles
from endpoint_shim.windows.entries import READ_ONLY, Facts
from endpoint_shim.windows.listing import target_of
from endpoint_shim.windows.paths import PathPolicy, joined, text
from endpoint_shim.windows.reading import Opened, open_plain
from endpoint_shim.windows.times import time_of

assert sys.platform == "win32"

MODES = {"directory": stat.S_IFDIR, "file": stat.S_IFREG, "link": stat.S_IFLNK}
ROOT = Name("C:\\")
DRIVES = Name("\\")
"""Where the drives themselves are listed; no path of Windows' own."""


def facts_at(path: Name, follow: bool, policy: PathPolicy) -> FileFacts:
    """The facts of what is at a path; of the link itself unless `follow`."""
    whole = joined(ROOT, path, stream=True)
    with handles.looked_at(whole, policy, follow=follow) as (handle, _):
        return facts_named(ntpath.basename(whole) or whole, handles.facts(handle))


def open_at(path: Name, follow: bool, policy: PathPolicy) -> Opened:
    """The plain file at a path; a reparse point is refused by name, whether to `follow` or not."""
    return open_plain(joined(ROOT, path, stream=True), policy)


def link_at(path: Name, policy: PathPolicy) -> bytes:
    """What a link says; nobody goes there."""
    whole = joined(ROOT, path)
    with handles.looked_at(whole, policy) as (handle, _):
        target = target_of(whole) if handles.facts(handle).kind == "link" else None
    if target is None:
        raise Failed(f"{text(whole)} is no link that can be read")
    return to_units(target).encode("utf-8", "surrogatepass")


def entries(path: Name, policy: PathPolicy) -> Iterator[FileFacts]:
    """The entries of a folder, or the local drives."""
    if path == DRIVES:
        yield from (FileFacts(name=one, mode=stat.S_IFDIR | 0o555) for one in drives.local())
        return
    whole = joined(ROOT, path)
    with handles.looked_at(whole, policy, read=True, follow=True) as (handle, _):
        for one in handles.listed(handle):
            yield facts_named(one.name, one)


def facts_named(name: str, found: Facts) -> FileFacts:
    writable = 0 if found.attributes & READ_ONLY else 0o200
    return FileFacts(
        name=from_text(name),
        mode=MODES[found.kind] | 0o400 | writable | (0o100 if found.is_directory else 0),
        size=max(0, found.size) if found.kind == "file" else 0,
        atime=(time_of(found.accessed) or 0) // 1000,
        mtime=(time_of(found.written) or 0) // 1000,
    )
