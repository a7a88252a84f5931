"""A folder, or what a glob names, on its way into an archive.

Each file is opened by handle in its open folder and never through a link; the policy judges each,
as everywhere.
"""

import contextlib
import fnmatch
import os
import re
import stat
import tarfile
from collections.abc import Callable, Generator
from functools import partial

from commands.language.errors import Failed, Refused
from commands.language.names import from_bytes
from endpoint_shim.archive import Member, TarArchive
from endpoint_shim.linux import kernel
from endpoint_shim.linux.paths import SAID, PathPolicy, in_words, kind_of, look, text
from endpoint_shim.linux.reading import Opened, opened
from endpoint_shim.linux.walk import Entry, Walk


def archive_of(path: bytes, policy: PathPolicy) -> TarArchive[Entry] | None:
    """The archive of a folder or a glob, counted; None where `path` is neither."""
    folder, last = os.path.split(path)
    kind = _kind(path, policy)
    if kind == "directory":
        if path == b"/":
            raise Refused("/ is the whole device; name a folder of it")
        return _archive(path, LinuxSide(path, last, policy))
    if kind or not re.search(rb"[*?[]", last):
        return None
    wanted = re.compile(fnmatch.translate(os.fsdecode(last))).match

    def chosen(name: bytes) -> bool:
        return wanted(os.fsdecode(name)) is not None

    found = _archive(path, LinuxSide(folder, b"", policy, chosen))
    if not found.members:
        raise Failed(f"{text(path)} does not exist, and nothing there has a name like it")
    return found


def _archive(path: bytes, side: "LinuxSide") -> TarArchive[Entry]:
    return TarArchive(from_bytes(path + b".tar"), side)


def _kind(path: bytes, policy: PathPolicy) -> str:
    """What is at a path, links not followed; empty where nothing is."""
    policy.check_path(os.fsdecode(path))
    try:
        handle = look(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise in_words(error, path) from error
    try:
        return kind_of(os.fstat(handle).st_mode)
    finally:
        os.close(handle)


class LinuxSide:
    """The walk below a folder, its names in the archive begun with a prefix."""

    def __init__(
        self,
        start: bytes,
        prefix: bytes,
        policy: PathPolicy,
        top: Callable[[bytes], bool] = lambda name: True,
    ) -> None:
        self._start, self._prefix = start, prefix
        self._policy, self._top = policy, top
        self._walk = Walk(start, policy, top)

    def entries(self) -> Generator[Entry, None, None]:
        self._walk = Walk(self._start, self._policy, self._top)
        return self._walk.entries()

    def header(self, entry: Entry) -> tarfile.TarInfo | None:
        with contextlib.suppress(OSError):
            return self._info(entry, kernel.inode(entry.name, entry.folder))
        return None

    def member(self, entry: Entry) -> Member:
        shown, file = text(entry.path), None
        try:
            self._policy.check_path(os.fsdecode(entry.path))
            facts = kernel.inode(entry.name, entry.folder)
            if kind_of(facts.mode) == "file":
                file = self._opened(entry)
                facts = file.facts
            info = self._info(entry, facts)
        except OSError as error:
            raise in_words(error, entry.path) from error
        kind = SAID[kind_of(facts.mode)]
        why = f"{shown} is {kind} and was left out" if info is None and entry.mount is None else ""
        return Member(shown, info, file, why, partial(in_words, path=entry.path))

    def sentences(self) -> list[str]:
        return self._walk.left_out.sentences()

    def _opened(self, entry: Entry) -> Opened:
        looking = os.open(entry.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=entry.folder)
        try:
            facts = kernel.inode(dir_fd=looking)
            self._policy.check_open(os.fsdecode(entry.path), facts.device, facts.number)
            if kind_of(facts.mode) != "file":
                raise Failed(f"{text(entry.path)} was another thing a moment ago")
            file = opened(looking, entry.path, entry.path, facts)
        finally:
            os.close(looking)
        if not file.sized:
            file.close()
            raise Failed(f"{text(entry.path)} has no size of its own; take it alone")
        return file

    def _info(self, entry: Entry, facts: kernel.Inode) -> tarfile.TarInfo | None:
        kind = kind_of(facts.mode)
        if entry.mount is not None or kind not in ("file", "directory", "link"):
            return None
        inside = entry.path[len(self._start.rstrip(b"/")) + 1 :]
        name = os.path.join(self._prefix, inside)
        info = tarfile.TarInfo(os.fsdecode(name))
        info.mode, info.uid, info.gid = stat.S_IMODE(facts.mode), facts.uid, facts.gid
        info.mtime = facts.modified // 1000
        if kind == "file":
            info.size = facts.size
        elif kind == "directory":
            info.type = tarfile.DIRTYPE
        else:
            info.type = tarfile.SYMTYPE
            info.linkname = os.fsdecode(os.readlink(entry.name, dir_fd=entry.folder))
        return info
