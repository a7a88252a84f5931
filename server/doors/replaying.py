"""`replay`: which recording, who may, and that the look itself is recorded before it is shown."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from commands.language.errors import Failed, NotUnderstood
from commands.language.visible import visible
from server.audit.cast import cast
from server.audit.errors import no_such_session
from server.audit.records import Replayed
from server.audit.replay import parse_at
from server.doors.device_output import DeviceOutput
from server.live.session import Session

if TYPE_CHECKING:
    from server.live.rooms import Rooms

LINES = 512


async def recording_of(broker: "Rooms", looker: Session, text: str) -> tuple[Path, str, float]:
    """The recording that `S12` or `S12@08:22` names, its title, and where to start.

    The look is in the looker's journal when this returns.
    """
    name, _, at = text.partition("@")
    start = parse_at(at) if at else 0.0
    if start is None:
        raise NotUnderstood(f"{visible(at)} is no time; S12@08:22 starts at minute 8")
    name = name.upper()
    known = {s.session: s for s in await broker.journal.sessions()}
    if name not in known:
        raise no_such_session(name)
    path = broker.journal.folders.recording(name)
    await looker.journal.append(Replayed(by=looker.person, of=name))
    if not await asyncio.to_thread(path.exists):
        raise Failed(f"{name} has no recording: it is missing; verify {name} says what is known")
    return path, f"{name} {known[name].device}", start


def cast_lines(path: Path, idle: float | None, raw: bool) -> "Iterator[str]":
    """The asciicast's lines; pull them in a thread."""
    return cast(path, screen_filter=None if raw else DeviceOutput, longest_pause=idle)


def some_lines(lines: "Iterator[str]") -> bytes:
    """The next lines as bytes; none at the end."""
    found: list[str] = []
    for line in lines:
        found.append(line)
        if len(found) == LINES:
            break
    return "".join(found).encode("utf-8", "backslashreplace")
