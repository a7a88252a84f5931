"""The library as people fill it, through the real ssh."""

import json

from tests.doors.rig import Ran, Rig


async def test_the_same_bytes_again_are_no_version_and_take_no_description_away(
    house: Rig,
) -> None:
    async def add(data: bytes, *more: str) -> Ran:
        words = ["library", "add", "x.sh", *more]
        return await house.run("alice", " ".join(words), stdin=data)

    async def listed() -> tuple[int, str]:
        ran = await house.run("alice", "library list x.sh -output json")
        [row] = json.loads(ran.out)
        return row["version"], row["description"]

    await add(b"#!/bin/sh\n", "-description 'says nothing'")
    again = await add(b"#!/bin/sh\n")
    assert "x.sh had these bytes already as version 1; nothing was changed\n" in again.err
    assert await listed() == (1, "says nothing")
    await add(b"#!/bin/sh\n", "-description 'does nothing'")
    assert await listed() == (1, "does nothing")
    await add(b"#!/bin/bash\n")
    assert await listed() == (2, "does nothing")
    told = [body.what for body in await house.journal() if getattr(body, "name", "") == "x.sh"]
    assert told == ["added", "described", "added"]
