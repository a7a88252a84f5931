"""What a device is to be, and what it is: isolation and restriction on the control line.

Desired state, never orders: each kind has a generation of its own that only rises. The device
converges to the highest it has seen, and says what is; a lower one, late or again, changes nothing.
"""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from commands.language.wire_forms import Count, Id, Short, Text

Scope = Literal["none", "full", "selective"]
Stage = Literal["converging", "done", "failed"]

_WINDOWS_PACKAGE = re.compile(r"[A-Za-z0-9.-]+_[a-z0-9]{13}\Z")
NAMED = 3
MAX_RULES, MAX_PLACES, MAX_SEEN = 100, 100, 100


class Allowance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule of a selective isolation: what may pass beside the broker; empty is any."""

    name: Short
    direction: Literal["in", "out", "both"] = "out"
    network: Short = ""
    """CIDR of the far side, IPv4 or IPv6."""
    protocol: Literal["any", "tcp", "udp"] = "any"
    ports: Annotated[tuple[Annotated[int, Meta(ge=1, le=65_535)], ...], Meta(max_length=50)] = ()
    """Of the far side when going out, of this device when coming in."""
    process: Text = ""
    """The program's whole path, or its file name."""
    service: Short = ""
    """A Windows service, or a systemd unit."""
    package: Short = ""
    """A Windows app package's family name, or a Linux package whose programs are meant."""

    @property
    def of_windows(self) -> bool:
        """Whether it names a program that only Windows has."""
        return self.process.lower().endswith(".exe") or bool(_WINDOWS_PACKAGE.match(self.package))


NONE_APPLIES = "none of its rules applies here: "
"""How a device begins, that has nothing for any of them."""


def left_out(rules: tuple[Allowance, ...]) -> str:
    """What of a selective isolation a Linux device has nothing for; empty where it has all."""
    names = [one.name for one in rules if one.of_windows]
    if not names:
        return ""
    why = f"for they name programs of Windows: {few(names)}"
    none = len(names) == len(rules)
    return f"none of its rules applies to Linux, {why}" if none else f"left out, {why}"


def few(names: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


class Isolate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The isolation that is wanted; `scope` none is the release."""

    generation: Count
    scope: Scope
    rules: Annotated[tuple[Allowance, ...], Meta(max_length=MAX_RULES)] = ()
    ttl_s: Annotated[float, Meta(gt=0, le=366 * 86_400)] | None = None
    """Counted by the device alone, from when it is in force."""
    force: bool = False
    """Keep it although the broker is not reached anew; needs a TTL."""
    notice: Text = ""
    """What the device's user is told."""


class Restrict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether only known programs may start."""

    generation: Count
    on: bool
    notice: Text = ""


class Isolated(msgspec.Struct, frozen=True, kw_only=True):
    """What the device's isolation is."""

    generation: Count
    """Of the wish that this answers; 0 before any."""
    stage: Stage = "done"
    scope: Scope = "none"
    """What is in force now, whatever was wished."""
    table_sha256: Short = ""
    """Of the rules as they were read back from the system; empty where none are."""
    table: Text = ""
    """Those rules, or their beginning: what the digest is of where they are short enough."""
    left_s: Annotated[float, Meta(ge=0)] | None = None
    ended_by: Literal["", "ttl", "token"] = ""
    """Why a wished isolation is over on the device's own account."""
    cut: Count = 0
    """Connections that ended with it."""
    reached: Short = ""
    """The broker's address that a new connection reached, with the rules in force."""
    error: Text = ""
    """What was seen where it failed and was taken back."""
    left_out: Text = ""
    """Which of its rules have nothing on this device to be for."""
    mended: Count = 0
    """How often somebody removed or changed the rules and they were put back."""


class Restricted(msgspec.Struct, frozen=True, kw_only=True):
    """What the device's restriction is."""

    generation: Count
    stage: Stage = "done"
    on: bool = False
    broken: bool = False
    """It is wanted, and nothing enforces it at this moment."""
    by: Short = ""
    """What enforces it (fanotify, fapolicyd, App Control), with what proves it."""
    proof_sha256: Short = ""
    """Of the list or policy in force."""
    error: Text = ""
    restarts: Count = 0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a containment on the device, for its timeline."""

    at_ms: int
    kind: Literal["tampering", "blocked", "unguarded", "started", "token", "ttl", "note"]
    """`started`: ran while nothing enforced the restriction."""
    text: Text
    action: Id | None = None


class Contained(msgspec.Struct, tag_field="m", tag="contained", kw_only=True):
    """From a device: how it is contained now, and what it saw since the last one."""

    isolation: Isolated | None = None
    restriction: Restricted | None = None
    seen: Annotated[tuple[Seen, ...], Meta(max_length=MAX_SEEN)] = ()


class Want(msgspec.Struct, tag_field="m", tag="want", kw_only=True, forbid_unknown_fields=True):
    """To a device: what it is to be, whole; where the broker is reached, kept for later."""

    isolation: Isolate | None = None
    restriction: Restrict | None = None
    places: Annotated[tuple[Short, ...], Meta(max_length=MAX_PLACES)] = ()
    """`host:port` of the broker, beside those pinned at enrolment and resolved there."""
