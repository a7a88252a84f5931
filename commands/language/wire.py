"""The messages between broker and device; every one is a bounded type, decoded before use.

1. What goes *to* a device forbids unknown fields: an older shim must not run a command without
   the field it does not know. What comes *from* a device may carry more than is known.
2. The control line carries small messages only; a stream carries one command at a time.
3. Supervisor and worker exchange the same messages over their own pipe, length-prefixed.
4. An SFTP connection's messages stand in wire_files.py, those of isolation and restriction in
   wire_contain.py; here is the one door to all of them.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from commands.language.wire_contain import Contained, Want
from commands.language.wire_files import (
    Answer,
    Change,
    CloseFile,
    FileFacts,
    FileRequest,
    Free,
    Home,
    ListFolder,
    MakeFolder,
    OpenFile,
    OpenWrite,
    Read,
    ReadLink,
    Rename,
    SetFacts,
    Stat,
    Sync,
    Write,
)
from commands.language.wire_forms import (
    MAX_BYTES,
    PIECE,
    Count,
    Digest,
    Id,
    Moment,
    Short,
    Side,
    Text,
)

__all__ = [
    "MAX_BYTES",
    "PIECE",
    "Answer",
    "Change",
    "CloseFile",
    "Contained",
    "FileFacts",
    "FileRequest",
    "Free",
    "Home",
    "ListFolder",
    "MakeFolder",
    "Moment",
    "OpenFile",
    "OpenWrite",
    "Read",
    "ReadLink",
    "Rename",
    "SetFacts",
    "Short",
    "Stat",
    "Sync",
    "Want",
    "Write",
]
"""What others find here, though it stands in the modules above."""

VERSION = 1
MAX_CONTROL = 65_536
MAX_BEFORE_HELLO = 4_096
MAX_ITEM = 4 * 1024 * 1024
ACK_BYTES = 256 * 1024
WINDOW = 1024 * 1024
SHOWN_ACK_BYTES = 64 * 1024
SHOWN_WINDOW = ACK_BYTES + SHOWN_ACK_BYTES
"""A terminal's output: what is on its way when Ctrl-C is typed is still shown, so it is little, but
more than ACK_BYTES, for a broker that acknowledges no sooner."""


class _Up(msgspec.Struct, tag_field="m", kw_only=True):
    """From a device: may hold more than this broker knows."""


class _Down(msgspec.Struct, tag_field="m", kw_only=True, forbid_unknown_fields=True):
    """To a device: everything in it must be understood."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the device's own `policy.toml` says, for help and refusals; the worker enforces it."""

    deny: Annotated[dict[Short, Count], Meta(max_length=200)] = {}
    """Word -> line of policy.toml."""
    off_limits: Annotated[dict[Text, Count], Meta(max_length=200)] = {}
    """Path -> line of policy.toml."""
    error: Text = ""
    """Why the file was not usable; then everything that changes the device is denied."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a device says of itself; claims, shown through the escaper."""

    platform: Annotated[str, Meta(pattern=r"^(linux|windows)\Z")]
    system: Short = ""
    host: Short = ""
    architecture: Short = ""
    boot_ms: Count = 0
    runs_as: Short = ""
    """The account of the shim, and so of its shells."""
    user: Short = ""
    """Who is signed in; empty for nobody, where it was looked up."""
    user_looked_up: bool = False
    last_user: Short = ""
    """Who signed in last and when, as the device's own record has it; empty where none does."""
    last_user_ms: Moment = 0
    tags: Annotated[tuple[Short, ...], Meta(max_length=10)] = ()
    """Tags that it proposes: shown, and nothing else."""
    weaker_stop: Short = ""
    """Why commands are ended less surely here (no writable cgroup); empty where they are."""
    machine: Short = ""
    """A digest of what a copy of its disk in another machine would not have; empty: not known."""


# The control line, device to broker.
class Hello(_Up, tag="hello"):
    """The first message; `clock_ms` is the device's own, `running` the streams it still has."""

    version: int
    shim: Short
    facts: Facts
    clock_ms: Moment
    declarations: Annotated[dict[Short, Short], Meta(max_length=200)]
    policy: Policy = Policy()
    running: Annotated[list[Id], Meta(max_length=1000)] = []
    sessions: Annotated[list[Id], Meta(max_length=1000)] = []


class Beat(_Up, tag="beat"):
    """Sent as often as the Welcome says, each 5 s at least while a session is open; echoed."""

    number: Count = 0


class Gone(_Up, tag="gone"):
    """A stream's worker ended; `kernel`: it hangs there and ends with its mount."""

    stream: Id
    how: Annotated[str, Meta(pattern=r"^(never|ended|killed|crashed|kernel)\Z")]
    status: int = 0
    message: Text = ""
    left: Annotated[list[Text], Meta(max_length=100)] = []


class Ended(_Up, tag="ended"):
    """A session's commands are ended and its folder is wiped; `left` names what stayed."""

    session: Id
    left: Annotated[list[Text], Meta(max_length=100)] = []


class Report(_Up, tag="report"):
    """Facts or policy changed, or the clock was set."""

    facts: Facts | None = None
    policy: Policy | None = None
    clock_ms: Moment | None = None


class Installed(_Up, tag="installed"):
    """The certificate of that serial number is on the device's disk."""

    serial: Short


class Bye(_Up, tag="bye"):
    """The shim stops in order."""

    reason: Short = ""


# The control line, broker to device.
class Welcome(_Down, tag="welcome"):
    """This broker's instance, and the streams and sessions it still knows; all others end."""

    instance: Id
    streams: Annotated[list[Id], Meta(max_length=10_000)] = []
    sessions: Annotated[list[Id], Meta(max_length=10_000)] = []
    beat_s: Annotated[float, Meta(gt=0, le=600)] = 25.0


class Echo(_Down, tag="echo"):
    """The answer to a beat."""

    number: Count = 0


class Ping(_Down, tag="ping"):
    """Asks for a beat at once: does the first line of this identity still live?"""

    number: Count = 0


class Renewed(_Down, tag="renewed"):
    """A further certificate for the device's own key; its next connections show it."""

    certificate_pem: Annotated[str, Meta(min_length=1, max_length=16_384)]
    serial: Short


class Later(_Down, tag="later"):
    """The line is about to close: dial again after so long, so that not all do at once."""

    after_s: Annotated[float, Meta(ge=0, le=600)]


class Begin(_Down, tag="begin"):
    """A session opens: the supervisor makes its private folder."""

    session: Id


class Open(_Down, tag="open"):
    """A stream is wanted: a worker dials it with the token, once, within 15 s."""

    session: Id
    stream: Id
    token: Annotated[str, Meta(min_length=16, max_length=128)]


class Cancel(_Down, tag="cancel"):
    """Ends the stream's command `number`; after `grace_s` from the worker's word, by force."""

    stream: Id
    number: Count
    grace_s: Annotated[float, Meta(ge=0, le=600)] = 0.0


class Close(_Down, tag="close"):
    """The stream's worker is no longer needed."""

    stream: Id


class End(_Down, tag="end"):
    """The session ended: cancel everything of it, wipe its folder, answer Ended."""

    session: Id


Up = Hello | Beat | Gone | Ended | Report | Installed | Bye | Contained
Down = Welcome | Echo | Ping | Renewed | Later | Begin | Open | Cancel | Close | End | Want


# A stream: the first frame, then messages in TEXT and bytes in BINARY frames.
class Dialled(_Up, tag="dialled"):
    """A worker's first frame on a new stream; the token counts once."""

    stream: Id
    token: Annotated[str, Meta(min_length=16, max_length=128)]


class Resume(_Up, tag="resume"):
    """A worker's first frame when it dials a broken stream again: what it has got so far.

    With its token where that is nothing: what the broken connection carried may never have come.
    """

    stream: Id
    frames: Count
    token: Annotated[str, Meta(max_length=128)] = ""


class Resumed(_Down, tag="resumed"):
    """The broker's answer: how many frames it has got; the device sends what follows."""

    frames: Count


class Start(_Down, tag="start"):
    """Runs a command: its value, number, the folder it stands in, the limit in seconds."""

    command: dict[str, Any]
    number: Count
    folder: Text
    limit_s: Annotated[float, Meta(gt=0)] | None = None
    have: Count = 0
    """For getfile: bytes that the broker already holds of the file."""
    have_sha256: Digest | None = None
    columns: Side = 80
    rows: Side = 24
    input: bool = False
    """Whether BINARY frames and an Eof follow."""
    clock_ms: Moment = 0
    """The broker's clock as it sends this, for a device to say how far its own is off."""


class Resize(_Down, tag="resize"):
    """The terminal's new size."""

    columns: Side
    rows: Side


SIGNALS = (
    "ABRT", "ALRM", "FPE", "HUP", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2",
)  # fmt: skip
"""Those of RFC 4254, section 6.10; `ILL` is nobody's to send."""


class Signal(_Down, tag="signal"):
    """A signal for what stands in the terminal, or runs without one."""

    name: Annotated[str, Meta(pattern=rf"^({'|'.join(SIGNALS)})\Z")]


class Eof(_Down, tag="eof"):
    """The end of the command's input."""


class Ack(_Down, tag="ack"):
    """So many frames of the other side have been taken; both ways."""

    frames: Count


class AckUp(_Up, tag="ack"):
    """The device's side of Ack."""

    frames: Count


class Quiet(_Up, tag="quiet"):
    """The terminal's echo went off while it reads whole lines (a password), or on again."""

    on: bool


class Stopping(_Up, tag="stopping"):
    """The worker has the cancel and is ending the command."""

    number: Count


StreamUp = AckUp | Quiet | Stopping | Answer
StreamDown = Start | Resize | Signal | Eof | Ack | Resumed | FileRequest | Free
First = Dialled | Resume


# Supervisor and worker, over their own pipe.
class Ready(_Up, tag="ready"):
    """The worker imported all it needs and waits for its Open."""

    pid: Count


class WorkerDone(_Up, tag="workerdone"):
    """The worker's command `number` ended; it waits for the next Start."""

    number: Count


WorkerUp = Ready | WorkerDone | Stopping | Gone
WorkerDown = Open | Cancel | Close | End | Begin

up: "msgspec.json.Decoder[Up]" = msgspec.json.Decoder(Up)
down: "msgspec.json.Decoder[Down]" = msgspec.json.Decoder(Down)
first: "msgspec.json.Decoder[First]" = msgspec.json.Decoder(First)
stream_up: "msgspec.json.Decoder[StreamUp]" = msgspec.json.Decoder(StreamUp)
stream_down: "msgspec.json.Decoder[StreamDown]" = msgspec.json.Decoder(StreamDown)
worker_up: "msgspec.json.Decoder[WorkerUp]" = msgspec.json.Decoder(WorkerUp)
worker_down: "msgspec.json.Decoder[WorkerDown]" = msgspec.json.Decoder(WorkerDown)
_encoder = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """The JSON of a message."""
    return _encoder.encode(message)
