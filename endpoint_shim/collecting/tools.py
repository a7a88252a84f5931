"""Which programs were used: their paths, digests, and what they say of their versions."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from commands.language.errors import FirelineError
from commands.language.visible import visible_bytes
from endpoint_shim.collecting.side import Missed, Side
from endpoint_shim.collecting.timely import timely

LIMIT_S = 5.0
LONGEST = 200


async def told(
    side: Side, programs: Mapping[str, str], asked: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """One object for each; a program that does not answer in time has no version."""
    found = []
    for name, path in sorted(programs.items()):
        sha256 = await asyncio.to_thread(_sha256, path)
        version = await _version(side, path, asked[name]) if name in asked else ""
        found.append({"name": name, "path": path, "sha256": sha256, "version": version})
    return found


def _sha256(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""  # it was there a moment ago; the manifest says that it could not be read


async def _version(side: Side, path: str, arguments: Sequence[str]) -> str:
    """The first line that it says."""
    said = b""
    try:
        running = await side.start(path, arguments)
    except (FirelineError, OSError):
        return ""
    try:
        async for _, piece in timely(running.output(), LIMIT_S, whole=True):
            said = (said + piece)[:4096]
    except Missed:
        pass  # it did not end; what it said counts
    finally:
        await asyncio.shield(running.kill())
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return visible_bytes(lines[0])[:LONGEST] if lines else ""
