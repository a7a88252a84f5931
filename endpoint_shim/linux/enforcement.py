"""The enforcer and the guard that started it: messages over their own socket, one packet each."""

import socket
from typing import Annotated

import msgspec
from msgspec import Meta

from commands.language.names import from_bytes, shown

LONGEST = 65_536
MAX_LISTED = 40
"""Of what runs and of what started: the rest is a number."""
Line = Annotated[str, Meta(max_length=1024)]


class Begin(msgspec.Struct, tag_field="m", tag="begin", kw_only=True, forbid_unknown_fields=True):
    """To the enforcer, once: what it enforces, and where."""

    own: list[str]
    mounts: list[str] | None = None
    """Only programs seen through these mounts; None is all file systems of the device."""
    claim: str
    """The file that is its right to enforce: replaced or gone, it ends."""
    since_ns: int | None = None
    """When something last enforced, on the boot clock; None: nothing did."""
    baseline: list[tuple[int, int]] = []
    """Pid and start of what ran unknown then."""


class InForce(msgspec.Struct, tag_field="m", tag="in-force", kw_only=True):
    """From the enforcer: what decides now. At first, and when packages have changed."""

    by: str
    sha256: str
    sees_memory: bool = False
    """The kernel asks about programs that lie in memory alone, too (before 6.6)."""
    notes: list[Line] = []
    running: list[tuple[int, int]] = []
    """Pid and start of what runs and is not known."""
    started: list[Line] = []


class Beat(msgspec.Struct, tag_field="m", tag="beat", kw_only=True):
    """From the loop that answers: it still does."""


class Blocked(msgspec.Struct, tag_field="m", tag="blocked", kw_only=True):
    """Something was not started, or was and should not have been."""

    text: Line
    times: int
    started: bool = False


class Worn(msgspec.Struct, tag_field="m", tag="worn", kw_only=True):
    """It enforces, and cannot read any more what interpreters are given: another could."""


class Broken(msgspec.Struct, tag_field="m", tag="broken", kw_only=True):
    """It cannot enforce, and ends."""

    text: Line


FromEnforcer = Broken | Worn | InForce | Beat | Blocked
from_enforcer: "msgspec.json.Decoder[FromEnforcer]" = msgspec.json.Decoder(FromEnforcer)
to_enforcer: "msgspec.json.Decoder[Begin]" = msgspec.json.Decoder(Begin)


def send(end: socket.socket, message: msgspec.Struct) -> bool:
    """Whether there was room for it; BrokenPipeError and the like say that nobody reads."""
    try:
        end.send(msgspec.json.encode(message), socket.MSG_NOSIGNAL)
    except BlockingIOError:
        return False
    return True


def line(path: bytes, most: int = 300) -> str:
    """A file name as visible text, its end kept where it is long."""
    text = shown(from_bytes(path))
    return text if len(text) <= most else "…" + text[-most:]
