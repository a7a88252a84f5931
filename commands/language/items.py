"""What a running command yields, on a device or at the desk; rows with typed columns.

On the wire an item is one JSON object in a TEXT frame; the next BINARY frames go where the last
`Into` said. A row travels as its own JSON and is decoded with the row type that the command
declares, so a newer device may send fields that this broker does not know.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NewType

import msgspec

from commands.language.holes import HOLE
from commands.language.names import Name

Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Any integer of a row: what a device's system can count, so that showing it cannot overflow."""

Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

ExitCode = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**32 - 1)]
"""As either system has it: a signal is negative, an NTSTATUS unsigned."""

Time = NewType("Time", Integer)
"""Milliseconds since 1970 UTC, as the device's clock gives them; may lie outside any calendar."""

Text = Annotated[str, msgspec.Meta(max_length=65_536)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


@dataclass(frozen=True)
class Column:
    """How a row's field is shown: `priority` 1 stays longest; the identity never goes or is cut.

    `elastic` marks the one text column that is cut with an ellipsis; `size` writes thousands
    with commas; `wide` fields stand in lists and JSON only.
    """

    priority: int = 5
    identity: bool = False
    elastic: bool = False
    size: bool = False
    duration: bool = False
    """Seconds: told as `31 m`; a program gets the number."""
    wide: bool = False


class Row(msgspec.Struct, kw_only=True):
    """The root of every row type; fields are columns in their order."""

    record: ClassVar[bool] = False
    """One thing with many fields: shown as a list, not as a table."""


class _Item(msgspec.Struct, tag_field="item"):
    pass


class RowItem(_Item, tag="row"):
    """One row, still as the JSON that the device sent."""

    row: msgspec.Raw


class Progress(_Item, tag="progress"):
    """How far it is; `total` in the same unit where known."""

    done: Size
    total: Size | None = None
    what: Text = ""


class Into(_Item, tag="into"):
    """Where the next bytes go. For a file: its name, announced size, and where they start.

    `holes` of its bytes take no place on the device's disk, as it was counted at the opening.
    """

    where: Literal["stdout", "stderr", "text", "file"]
    name: Name = Name("")
    size: Size | None = None
    offset: Size = 0
    page: Text = "utf-8"
    holes: Size = 0


class Hole(_Item, tag="hole"):
    """The next `size` bytes of the file are zeros that take no place: they are not sent."""

    size: Annotated[int, msgspec.Meta(gt=0, le=HOLE)]


class Taken(_Item, tag="taken"):
    """The end of a file's bytes, with the device's own count and SHA-256 of all of them."""

    size: Size
    sha256: Digest


class Written(_Item, tag="written"):
    """A file that the command made on the device, whole and synced, or found there already."""

    path: Name
    size: Size
    sha256: Digest
    already: bool = False
    """It was there with this digest; nothing was written."""


class Folder(_Item, tag="folder"):
    """The responder's new folder, absolute, as the device gives it."""

    path: Name


class Note(_Item, tag="note"):
    """A sentence beside the result: what was left out, what was not readable."""

    text: Text


class Undoable(_Item, tag="undoable"):
    """What takes this change back, as a line to type."""

    line: Text


class Done(_Item, tag="done"):
    """The end. `code` is `done` or an error's code; `exit_code` is a script's or shell's own."""

    code: Annotated[str, msgspec.Meta(max_length=32)] = "done"
    message: Text = ""
    exit_code: ExitCode | None = None


NOT_STARTED = "it had not started"
"""The message of a Done whose command was cancelled before anything of it ran."""

Sent = RowItem | Progress | Into | Hole | Taken | Written | Folder | Note | Undoable | Done
Item = Row | Progress | Into | Hole | Taken | Written | Folder | Note | Undoable | Done | bytes
"""What `run` yields: a Row of the declared type, an item, or the next bytes."""

_encoder = msgspec.json.Encoder()
_decoder: "msgspec.json.Decoder[Sent]" = msgspec.json.Decoder(Sent)


def encode(item: Row | Sent) -> bytes:
    """The TEXT frame of an item."""
    if isinstance(item, Row):
        item = RowItem(msgspec.Raw(_encoder.encode(item)))
    return _encoder.encode(item)


def decode(frame: bytes) -> Sent:
    """The item in a frame; raises msgspec.ValidationError or DecodeError for anything else."""
    return _decoder.decode(frame)
