"""A folder, or what a glob names, on its way into an archive.

Each file is looked at by handle in its open folder and never through a link, then opened with what
stands behind it and known again; the policy judges each, as everywhere. Names that hold half
surrogates stand in the archive in their raw form.
"""

import fnmatch
import ntpath
import re
import stat
import sys
import tarfile
from collections.abc import Callable, Generator
from functools import partial

from commands.language.errors import Failed, Refused
from commands.language.names import from_text
from endpoint_shim.archive import Member, TarArchive
from endpoint_shim.windows import handles, native
from endpoint_shim.windows.entries import READ_ONLY, Facts
from endpoint_shim.windows.kernel import close
from endpoint_shim.windows.listing import target_of
from endpoint_shim.windows.opening import refuse_unless_plain, same
from endpoint_shim.windows.paths import NotThere, PathPolicy, in_words, text
from endpoint_shim.windows.reading import Opened, OpeningDisk
from endpoint_shim.windows.times import time_of
from endpoint_shim.windows.walk import Entry, Walk

assert sys.platform == "win32"


def archive_of(path: str, policy: PathPolicy) -> TarArchive[Entry] | None:
    """The archive of a folder or a glob, counted; None where `path` is neither."""
    folder, last = ntpath.split(path)
    is_glob = re.search(r"[*?]", last) is not None
    kind = "" if is_glob else _kind(path, policy)
    if kind == "directory":
        if not last:
            raise Refused(f"{text(path)} is a whole drive; name a folder of it")
        return _archive(path, WindowsSide(path, last, policy))
    if kind or not (is_glob or "[" in last):
        return None
    wanted = re.compile(fnmatch.translate(last), re.IGNORECASE).match
    side = WindowsSide(folder, "", policy, lambda name: wanted(name) is not None)
    found = _archive(path, side)
    if not found.members:
        raise Failed(f"{text(path)} does not exist, and nothing there has a name like it")
    return found


def _archive(path: str, side: "WindowsSide") -> TarArchive[Entry]:
    return TarArchive(from_text(path + ".tar"), side)


def _kind(path: str, policy: PathPolicy) -> str:
    """What is at a path, links not followed; empty where nothing is."""
    try:
        with handles.looked_at(path, policy) as (handle, _):
            return handles.facts(handle).kind
    except NotThere:
        return ""


class WindowsSide:
    """The walk below a folder, its names in the archive begun with a prefix."""

    def __init__(
        self,
        start: str,
        prefix: str,
        policy: PathPolicy,
        top: Callable[[str], bool] = lambda name: True,
    ) -> None:
        self._start, self._prefix = start, prefix
        self._policy, self._top = policy, top
        self._disk = OpeningDisk()
        self._walk = Walk([start], policy, top)
        self._real = ""

    def entries(self) -> Generator[Entry, None, None]:
        with handles.looked_at(self._start, self._policy, follow=True) as (_, real):
            self._real = real.rstrip("\\")
        self._walk = Walk([self._start], self._policy, self._top)
        return self._walk.entries()

    def header(self, entry: Entry) -> tarfile.TarInfo | None:
        return self._info(entry, entry.facts)

    def member(self, entry: Entry) -> Member:
        shown, facts = text(entry.path), entry.facts
        file: Opened | None = None
        try:
            self._policy.check_path(entry.path)
            if facts.kind == "file":
                file = self._opened(entry)
                facts = file.facts
        except OSError as error:
            raise in_words(error, entry.path) from error
        info = self._info(entry, facts)
        why = "" if info is not None else f"{shown} is a {facts.kind} and was left out"
        return Member(shown, info, file, why, partial(in_words, path=entry.path))

    def sentences(self) -> list[str]:
        return self._walk.left_out.sentences()

    def _opened(self, entry: Entry) -> Opened:
        looking = native.open_below(entry.folder, entry.facts.name, native.READ_ATTRIBUTES)
        try:
            refuse_unless_plain(entry.path, handles.facts(looking), self._disk, recall=False)
            identity = handles.identity(looking)
            self._policy.check_open(entry.path, *identity)
            handle = same(entry.path, identity, self._disk)
        finally:
            close(looking)
        try:
            return Opened(
                handle, entry.path, entry.path, handles.facts(handle), handles.links(handle)
            )
        except OSError:
            close(handle)
            raise

    def _info(self, entry: Entry, facts: Facts) -> tarfile.TarInfo | None:
        inside = entry.path[len(self._real) + 1 :].replace("\\", "/")
        info = tarfile.TarInfo(from_text(f"{self._prefix}/{inside}" if self._prefix else inside))
        info.mode = stat.S_IRUSR | (0 if facts.attributes & READ_ONLY else stat.S_IWUSR)
        info.mtime = (time_of(facts.written) or 0) // 1000
        match facts.kind:
            case "file":
                info.size = facts.size
            case "directory":
                info.type = tarfile.DIRTYPE
                info.mode |= stat.S_IXUSR
            case "link":
                target = target_of(entry.path)
                if target is None:
                    return None
                info.type, info.linkname = tarfile.SYMTYPE, target
            case _:
                return None
        return info
