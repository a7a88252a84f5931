"""What the device says of its package: every member's digest and origin, and under which clock.

MANIFEST.sha256 is what `sha256sum -c` reads, and what the device signs; it has the digest of
MANIFEST.json too, which says the rest. Member names hold neither backslash nor line end, so no
line of it needs an escape.
"""

import json
import platform
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from commands.language.names import Name, shown
from commands.language.zipped import Entry
from endpoint_shim import VERSION
from endpoint_shim.collecting.kept import Kept
from endpoint_shim.facts import clock_ms

LAST_MS = 253_402_300_799_000
"""The last second of the year 9999."""


@dataclass(frozen=True)
class Member:
    """One member, as it was taken."""

    entry: Entry
    sha256: str
    command: str
    status: str
    source: Name | None = None
    page: str = "utf-8"


@dataclass
class Clock:
    """The device's clock, and how far it is from the broker's."""

    began_ms: int
    offset_ms: int | None
    """Ahead of the broker's, as the command came here; None where the broker did not say."""

    @classmethod
    def read(cls, broker_ms: int) -> "Clock":
        """Now, beside the broker's clock as it sent the command; 0: it did not say."""
        now = clock_ms()
        return cls(now, now - broker_ms if broker_ms else None)

    def told(self) -> dict[str, Any]:
        local = time.localtime(self.began_ms / 1000)
        return {
            "device_utc": stamp(self.began_ms),
            "device_ahead_of_broker_ms": self.offset_ms,
            "time_zone": local.tm_zone,
            "utc_offset_s": local.tm_gmtoff,
        }


@dataclass
class Manifest:
    """Of one package."""

    device: str
    clock: Clock
    system: dict[str, str]
    recipes: dict[str, str]
    members: Kept
    sums: Kept
    tools: list[dict[str, Any]] = field(default_factory=list)

    def add(self, member: Member) -> None:
        self.members.add(json.dumps(_told(member)).encode("ascii") + b"\n")
        self.sums.add(f"{member.sha256}  {member.entry.name}\n".encode())

    def json(self, points: Kept) -> Iterator[bytes]:
        """MANIFEST.json; `points` are the lines of the summary, as JSON."""
        ended = Clock.read(0).began_ms
        told = {
            "device": self.device,
            "collected": self.clock.told() | {"ended_utc": stamp(ended)},
            "system": self.system,
            "versions": {
                "fireline_endpoint": VERSION,
                "python": platform.python_version(),
                "zlib": zlib.ZLIB_RUNTIME_VERSION,
            },
            "recipes": self.recipes,
            "tools": self.tools,
        }
        yield json.dumps(told, ensure_ascii=True, indent=1).removesuffix("\n}").encode("ascii")
        for name, lines in (("members", self.members), ("data_points", points)):
            yield f',\n "{name}": [\n'.encode("ascii")
            before = b"  "
            for line in lines.lines():
                yield before + line
                before = b"  ,"
            yield b" ]"
        yield b"\n}\n"

    def digests(self) -> bytes:
        """MANIFEST.sha256."""
        return b"".join(self.sums.lines())


def _told(member: Member) -> dict[str, Any]:
    entry = member.entry
    told: dict[str, Any] = {
        "name": entry.name,
        "bytes": entry.size,
        "sha256": member.sha256,
        "status": member.status,
        "from": member.command,
    }
    if member.source is not None:
        told["original"] = shown(member.source)
        told["original_raw"] = member.source
        told["modified_utc"] = stamp(entry.modified * 1000)
    if member.page != "utf-8":
        told["code_page"] = member.page
    return told


def stamp(milliseconds: int) -> str:
    """A time in ISO form; the number itself where no calendar has it."""
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, OSError, ValueError):
        return str(milliseconds)


def in_name(milliseconds: int) -> str:
    """The same in a file's name; of a clock that is in no calendar, the calendar's next end."""
    there = max(0, min(milliseconds, LAST_MS))
    return stamp(there).replace("-", "").replace(":", "")
