"""Files of a device: facts, listing, searching, reading and writing by handle."""

from collections.abc import AsyncIterator
from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol

from commands.language.items import Column, Integer, Row, Time
from commands.language.names import Name

Kind = Literal["file", "directory", "link", "pipe", "socket", "character", "block", "other"]


class FileRow(Row):
    """One entry of a folder, or one thing found."""

    path: Annotated[Name, Column(1, identity=True)]
    is_directory: Annotated[bool, Column(2)]
    size: Annotated[Integer | None, Column(2, size=True)] = None
    created: Annotated[Time | None, Column(7)] = None
    modified: Annotated[Time | None, Column(3)] = None
    hidden: Annotated[bool | None, Column(4)] = None
    read_only: Annotated[bool | None, Column(8)] = None
    compressed: Annotated[bool | None, Column(9)] = None
    kind: Annotated[str, Column(wide=True)] = "file"
    target: Annotated[Name | None, Column(wide=True)] = None
    error: Annotated[str, Column(wide=True)] = ""


class FileFactsRow(Row):
    """Everything about one file."""

    record: ClassVar[bool] = True

    path: Annotated[Name, Column(1, identity=True)]
    real_path: Annotated[Name | None, Column()] = None
    kind: Annotated[str, Column()] = "file"
    content: Annotated[str, Column()] = ""
    """What the first bytes say it is: `ELF program`, `Windows program`, `script /bin/sh`, ..."""
    size: Annotated[Integer | None, Column(size=True)] = None
    created: Annotated[Time | None, Column()] = None
    modified: Annotated[Time | None, Column()] = None
    accessed: Annotated[Time | None, Column()] = None
    changed: Annotated[Time | None, Column()] = None
    owner: Annotated[str, Column()] = ""
    group: Annotated[str, Column()] = ""
    permissions: Annotated[str, Column()] = ""
    access_list: Annotated[str, Column()] = ""
    """Windows: the list itself, with owner and group, as SDDL."""
    attributes: Annotated[str, Column()] = ""
    """Windows: R, H, S, A and so on, as `attrib` has them."""
    hidden: Annotated[bool | None, Column()] = None
    read_only: Annotated[bool | None, Column()] = None
    streams: Annotated[list[str] | None, Column()] = None
    """Windows: each named stream, its size and what its first bytes say it is."""
    links: Annotated[Integer | None, Column()] = None
    target: Annotated[Name | None, Column()] = None
    md5: Annotated[str, Column()] = ""
    sha1: Annotated[str, Column()] = ""
    sha256: Annotated[str, Column()] = ""
    error: Annotated[str, Column()] = ""


class Extent(NamedTuple):
    """So many bytes of a file, all data or all hole; none where the file ends before."""

    size: int
    hole: bool = False


class FileHandle(Protocol):
    """A plain file opened for reading without following; the handle, never the path, is read."""

    @property
    def path(self) -> Name: ...
    @property
    def size(self) -> int: ...

    @property
    def sized(self) -> bool:
        """False where the system gives no true size (/proc): read to the end instead."""
        ...

    async def holes(self) -> int:
        """How many of its bytes take no place on the disk, by what its file system says."""
        ...

    async def extent(self, offset: int) -> Extent:
        """What begins at `offset`, as far as it is of one kind."""
        ...

    async def read(self, offset: int, length: int) -> bytes: ...
    async def close(self) -> None: ...


class Archive(Protocol):
    """Several files as one tar (POSIX.1-2001, pax), made while it is read; deterministic as long
    as nothing changes. Links are kept as links, folders once; what is no plain file is left out
    and said."""

    @property
    def path(self) -> Name:
        """The path that was asked for, with `.tar`."""
        ...

    @property
    def size(self) -> int:
        """At most so many bytes: counted at its beginning, what is new since is left out."""
        ...

    def pieces(self) -> AsyncIterator[bytes | str]:
        """Its bytes; strings say what was left out, or changed while it was read."""
        ...


class FileWriter(Protocol):
    """A new file beside its final place; it appears whole at `finish`, or not at all."""

    async def write(self, data: bytes) -> None: ...

    async def finish(self, *, overwrite: bool) -> Name:
        """Syncs, renames into place without following a link, syncs the folder; the whole path."""
        ...

    async def abandon(self) -> None: ...


class Files(Protocol):
    """All paths are joined to the responder's folder; every call checks the device's policy."""

    async def absolute(self, path: Name | None) -> Name:
        """The whole path of `path` seen from the responder's folder; None is the folder."""
        ...

    async def enter(self, path: Name) -> Name:
        """The whole path of a folder that exists and may be entered; raises Failed otherwise."""
        ...

    def list(self, path: Name | None) -> AsyncIterator[FileRow]:
        """The entries of a folder, or the one row of a file; unreadable ones carry an error."""
        ...

    def find(self, pattern: str, start: Name | None) -> AsyncIterator[FileRow | str]:
        """Rows whose name matches the glob, case by the platform's habit; strings say what was
        left out (mounts, depth, folders that refuse)."""
        ...

    async def facts(self, path: Name) -> FileFactsRow:
        """All facts and digests of one file; a device node or pipe is not read."""
        ...

    async def open(self, path: Name, *, recall: bool = False) -> FileHandle:
        """Opens a plain file for reading; refuses by name what is not one.

        A placeholder's content is fetched by the device only with `recall`.
        """
        ...

    async def archive(self, path: Name) -> Archive | None:
        """What a folder holds, or a glob names, as one archive; None where `path` is no folder
        and names something by itself, or has no glob in its last part."""
        ...

    async def create(self, path: Name) -> FileWriter:
        """A writer for a file that is to be `path`; refuses links on the way to it."""
        ...

    async def digest(self, path: Name) -> str | None:
        """The SHA-256 of a plain file, None if nothing is there."""
        ...
