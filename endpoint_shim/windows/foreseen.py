"""What runs now and could not be started again under a restriction, as App Control would find."""

import asyncio
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import aclosing
from pathlib import Path

from commands.language.errors import Failed
from commands.language.names import Name, from_text
from endpoint_shim import restrictor
from endpoint_shim.batches import in_batches
from endpoint_shim.windows import drives, own_programs, processes, signatures

assert sys.platform == "win32"

LIMIT_S = 30.0


async def not_startable(sessions: Path) -> list[tuple[int, Name]]:
    """Each process, with the path of what it runs; what cannot be read is nobody's."""
    own = [_folded(str(one)) for one in own_programs.places(restrictor.known(sessions).own)]
    try:
        async with asyncio.timeout(LIMIT_S), aclosing(in_batches(_strangers(own))) as found:
            return [one async for one in found]
    except TimeoutError:
        raise Failed(f"what runs was not told within {LIMIT_S:g} s") from None


def _strangers(own: list[str]) -> Generator[tuple[int, Name], None, None]:
    known: dict[str, bool] = {}
    for pid, path in processes.images():
        # The kernel's own have a name without a drive, and are no program that starts.
        if not os.path.isabs(path):
            continue
        place = _folded(path)
        if place not in known:
            known[place] = _is_below(place, own) or _is_microsofts(path)
        if not known[place]:
            yield pid, from_text(path)


def _is_microsofts(path: str) -> bool:
    """Not asked of a server: the device would sign in there as itself, and wait."""
    if path.startswith("\\\\") or drives.kind_of(path[0]) == drives.NETWORK:
        return False
    try:
        return signatures.by_microsoft(path)
    except OSError:
        return False


def _is_below(place: str, own: Iterable[str]) -> bool:
    return any(place == one or place.startswith(f"{one}\\") for one in own)


def _folded(path: str) -> str:
    return os.path.normcase(os.path.abspath(path))
