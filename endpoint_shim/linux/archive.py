"""A folder, or what a glob names, as one tar (POSIX.1-2001, pax) that is made while it is read.

1. It is walked twice: once to count, so that a limit refuses before the first byte, and once to
   read. What came in between is left out where there is no room for it, and said.
2. Each file is opened by handle in its open folder and never through a link; the policy judges
   each, as everywhere.
3. A file that shrinks while it is read is filled with zeros and said: what follows stays readable.
"""

import contextlib
import fnmatch
import os
import re
import stat
import tarfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing

from commands.language.errors import Failed, FirelineError, Refused
from commands.language.names import Name, from_bytes
from endpoint_shim.batches import in_batches
from endpoint_shim.linux import kernel
from endpoint_shim.linux.paths import SAID, PathPolicy, in_words, kind_of, look, text
from endpoint_shim.linux.reading import Opened, opened
from endpoint_shim.linux.walk import Entry, Walk

PIECE = 65_536
AT_ONCE = 16
"""Pieces that a thread fetches before it lets others have their turn."""
BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
NAMED = 50
"""So many of what was left out or changed are named; of the rest the number is said."""


def archive_of(path: bytes, policy: PathPolicy) -> "TarArchive | None":
    """The archive of a folder or a glob, counted; None where `path` is neither."""
    folder, last = os.path.split(path)
    kind = _kind(path, policy)
    if kind == "directory":
        if path == b"/":
            raise Refused("/ is the whole device; name a folder of it")
        return TarArchive(path, path, last, policy)
    if kind or not re.search(rb"[*?[]", last):
        return None
    wanted = re.compile(fnmatch.translate(os.fsdecode(last))).match

    def chosen(name: bytes) -> bool:
        return wanted(os.fsdecode(name)) is not None

    found = TarArchive(path, folder, b"", policy, chosen)
    if not found.members:
        raise Failed(f"nothing in {text(folder)} has a name like {text(last)}")
    return found


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


class TarArchive:
    """The protocol's Archive."""

    def __init__(
        self,
        path: bytes,
        start: bytes,
        prefix: bytes,
        policy: PathPolicy,
        top: Callable[[bytes], bool] = lambda name: True,
    ) -> None:
        self._path, self._start, self._prefix = path, start, prefix
        self._policy, self._top = policy, top
        self._notes: list[str] = []
        self._unnamed = 0
        self._begun = bytearray()
        self.members, self.size = 0, len(END)
        self._count()

    @property
    def path(self) -> Name:
        return from_bytes(self._path + b".tar")

    async def pieces(self) -> AsyncIterator[bytes | str]:
        async with aclosing(in_batches(self._made(), AT_ONCE)) as pieces:
            async for piece in pieces:
                yield piece

    def _walk(self) -> Walk:
        return Walk(self._start, self._policy, self._top)

    def _count(self) -> None:
        with contextlib.closing(self._walk().entries()) as entries:
            for entry in entries:
                with contextlib.suppress(FirelineError, OSError):
                    facts = kernel.inode(entry.name, entry.folder)
                    if (info := self._info(entry, facts)) is not None:
                        self.members += 1
                        self.size += len(_header(info)) + _padded(info.size)

    def _made(self) -> Generator[bytes | str, None, None]:
        walk, room = self._walk(), self.size - len(END)
        with contextlib.closing(walk.entries()) as entries:
            for entry in entries:
                before = room
                for data in self._member(entry, before):
                    room -= len(data)
                    yield from self._gathered(data)
        yield from self._gathered(END)
        if self._begun:
            yield bytes(self._begun)
        yield from walk.left_out.sentences()
        yield from self._notes
        if self._unnamed:
            yield f"and {self._unnamed:,} more that were left out or changed while they were read"

    def _gathered(self, data: bytes) -> Iterator[bytes]:
        """Small members together: one frame for each would cost more than their bytes."""
        self._begun += data
        if len(self._begun) >= PIECE:
            whole, self._begun = bytes(self._begun), bytearray()
            yield whole

    def _member(self, entry: Entry, room: int) -> Iterator[bytes]:
        """An entry's header and bytes; nothing of it where it cannot be read."""
        file: Opened | None = None
        try:
            self._policy.check_path(os.fsdecode(entry.path))
            facts = kernel.inode(entry.name, entry.folder)
            if kind_of(facts.mode) == "file":
                file = self._opened(entry)
                facts = file.facts
            info = self._info(entry, facts)
            if info is None:
                if entry.mount is None:
                    kind = SAID[kind_of(facts.mode)]
                    self._say(f"{text(entry.path)} is {kind} and was left out")
                return
            header = _header(info)
            if len(header) + _padded(info.size) > room:
                self._say(f"{text(entry.path)} is new or grew meanwhile and was left out")
                return
            yield header
            if file is not None:
                yield from self._content(file, info.size)
        except FirelineError as refused:
            self._say(f"{refused.shown()}; left out")
        except OSError as error:
            self._say(f"{in_words(error, entry.path)}; left out")
        finally:
            if file is not None:
                file.close()

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

    def _content(self, file: Opened, size: int) -> Iterator[bytes]:
        at = 0
        while at < size:
            try:
                piece = file.piece(min(PIECE, size - at), at)
            except OSError as error:
                self._say(f"{in_words(error, file.path)} at byte {at:,}; zeros from there on")
                break
            if not piece:
                self._say(
                    f"{text(file.path)} shrank while it was read: {size:,} bytes at its opening, "
                    f"{at:,} at its end; zeros from there on"
                )
                break
            at += len(piece)
            yield piece
        while at < (padded := _padded(size)):
            zeros = bytes(min(PIECE, padded - at))
            at += len(zeros)
            yield zeros

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

    def _say(self, what: str) -> None:
        if len(self._notes) < NAMED:
            self._notes.append(what)
        else:
            self._unnamed += 1


def _header(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
