"""The scripts that come with Fireline: taken into the library at start, as versions like any other.

`scripts_library/NAME.toml` stands beside NAME and is its manifest.
"""

import asyncio
import tomllib
from collections.abc import AsyncIterator
from importlib.resources import files

import msgspec

from server.live.library import LibraryRoom
from server.live.manifest import Manifest

BY = "fireline"


async def ship(library: LibraryRoom) -> None:
    """Adds each shipped script; bytes that are there already make no new version."""
    for name, data, manifest in await asyncio.to_thread(_shipped):
        await library.add(name, "", BY, _once(data), manifest)


def _shipped() -> list[tuple[str, bytes, Manifest]]:
    folder = files("scripts_library")
    found = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            name = entry.name.removesuffix(".toml")
            manifest = msgspec.convert(tomllib.loads(entry.read_text("utf-8")), Manifest)
            found.append((name, folder.joinpath(name).read_bytes(), manifest))
    return found


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
