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


async def test_help_tells_of_a_script_what_its_manifest_says(house: Rig) -> None:
    added = await house.run(
        "alice", "library add own.sh -description 'Looks only'", stdin=b"true\n"
    )
    assert added.status == 0, added.err
    ran = await house.run("alice", "help own.sh")
    assert ran.out.splitlines()[:2] == ["run own.sh     version 1", "Looks only"]
    assert ran.out.splitlines()[2].startswith("Added by alice, 5 bytes; library show own.sh ")
    shipped = (await house.run("alice", "help KILL-TREE.sh")).out
    assert "run kill-tree.sh -p PID -t START [-n] [-j]" in shipped
    assert "linux only, changes the device" in shipped
    assert (await house.run("alice", "help own.sh@2")).status == 2
    ran = await house.run("bob", "help own.sh")
    assert (ran.status, "own.sh is no command" in ran.err) == (2, True)
