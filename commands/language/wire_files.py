"""`files`, the messages of an SFTP connection's stream: one request, one answer, by id.

What writes needs the right of `putfile`. A file that is made is there whole at its CloseFile, or
not at all; one that was there is changed in place. Mode and times are set, and names changed, on
what this stream made alone.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from commands.language.wire_forms import (
    MAX_BYTES,
    PIECE,
    Count,
    Digest,
    Moment,
    Short,
    Text,
)

Length = Annotated[int, Meta(ge=1, le=PIECE)]
Mode = Annotated[int, Meta(ge=0, le=0o777)]


class _Up(msgspec.Struct, tag_field="m", kw_only=True):
    """From a device: may hold more than this broker knows."""


class _Down(msgspec.Struct, tag_field="m", kw_only=True, forbid_unknown_fields=True):
    """To a device: everything in it must be understood."""


class Stat(_Down, tag="stat"):
    id: Count
    path: Text
    follow: bool = True


class ListFolder(_Down, tag="list"):
    id: Count
    path: Text


class Home(_Down, tag="home"):
    """Where the account's home is: one FileFacts whose name is the whole path."""

    id: Count


class ReadLink(_Down, tag="readlink"):
    """What a link says, answered as its bytes; nobody follows it."""

    id: Count
    path: Text


class OpenFile(_Down, tag="openfile"):
    id: Count
    path: Text
    follow: bool = False
    """Through links, as a stock SFTP client opens; getfile itself never follows."""
    whole: Annotated[int, Meta(ge=0, le=MAX_BYTES)] = 0
    """A file of at most so many bytes is answered with them."""
    closing: Annotated[list[Count], Meta(max_length=16)] = []
    """Handles that are closed first."""


class Read(_Down, tag="read"):
    id: Count
    handle: Count
    offset: Count
    length: Length


class OpenWrite(_Down, tag="openwrite"):
    """A file to write to, never through a link."""

    id: Count
    path: Text
    create: bool = False
    """It may be missing."""
    exclusive: bool = False
    """It must be missing."""
    truncate: bool = False
    append: bool = False
    """Bytes go to its end, whatever their offset."""
    overwrite: bool = False
    """One that this stream did not make may be changed."""
    mode: Mode | None = None


class Write(_Down, tag="write"):
    """The BINARY frames that follow, `length` bytes together, at an offset."""

    id: Count
    handle: Count
    offset: Count
    length: Length


class Sync(_Down, tag="sync"):
    """What was written so far is durable when it is answered."""

    id: Count
    handle: Count


class CloseFile(_Down, tag="closefile"):
    """A written file is synced and put in its place; answered with the sha256 of what came."""

    id: Count
    handle: Count


class MakeFolder(_Down, tag="makefolder"):
    id: Count
    path: Text
    mode: Mode | None = None


class Rename(_Down, tag="rename"):
    id: Count
    path: Text
    to: Text
    replace: bool = False
    """A file at the new name may be replaced if it is of this stream's making, or `overwrite`."""
    overwrite: bool = False


class SetFacts(_Down, tag="setfacts"):
    """Of an open file's handle, or of what is at a path."""

    id: Count
    handle: Count | None = None
    path: Text = ""
    size: Count | None = None
    mode: Mode | None = None
    atime: Moment | None = None
    mtime: Moment | None = None
    """Seconds; both or neither."""


class Free(_Down, tag="free"):
    """Closes handles, what was being made with them is dropped; nothing answers it."""

    handles: Annotated[list[Count], Meta(min_length=1, max_length=16)]


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A file as SFTP wants it: POSIX mode with type bits, times in seconds."""

    name: Text
    mode: Count
    size: Count = 0
    uid: Count = 0
    gid: Count = 0
    atime: int = 0
    mtime: int = 0


class Answer(_Up, tag="answer"):
    """The answer to the request `id`; with `bytes` the next BINARY frame of that length is it."""

    id: Count
    error: Text = ""
    code: Short = ""
    """The error's class, by its code."""
    errno: int = 0
    files: Annotated[list[FileFacts], Meta(max_length=2000)] = []
    more: bool = False
    handle: Count = 0
    bytes: Count | None = None
    sha256: Digest | None = None
    """Of what was written, in the order in which it came."""
    replaces: bool = False
    """The file that was opened for writing was there already."""


Change = OpenWrite | Write | Sync | CloseFile | MakeFolder | Rename | SetFacts
FileRequest = Stat | ListFolder | Home | ReadLink | OpenFile | Read | Change
