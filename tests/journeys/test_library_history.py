"""What the library remembers of a file: its text, who changed it, how often it ran."""

import json
import re
from typing import Any

from tests.doors.rig import Rig


async def log(rig: Rig, *name: str) -> list[dict[str, Any]]:
    ran = await rig.run("alice", " ".join(["library log", *name, "-output json"]))
    assert ran.status == 0, ran.err
    found: list[dict[str, Any]] = json.loads(ran.out)
    return found


async def test_show_gives_the_text_of_a_version_and_whose_it_is(house: Rig) -> None:
    await house.run("alice", "library add x.sh", stdin=b"echo one\n")
    await house.run("alice", "library add x.sh", stdin=b"echo two \x1b[31m\n")
    ran = await house.run("alice", "library show x.sh@1")
    assert ran.out == "echo one\n"
    assert re.fullmatch(r"x\.sh@1: 9 bytes, by alice, sha256 [0-9a-f]{64}\n", ran.err)
    assert (await house.run("alice", "library show X.sh")).out == "echo two \\x1b[31m\n"
    ran = await house.run("alice", "library show y.sh")
    assert ran.status == 1 and "no y.sh in the library" in ran.err


async def test_of_a_long_file_the_first_mebibyte_is_shown(house: Rig) -> None:
    await house.run("alice", "library add big.txt", stdin=b"0123456789abcde\n" * 70_000)
    ran = await house.run("alice", "library show big.txt")
    assert len(ran.out) == 1 << 20
    assert "big.txt@1: the first 1,048,576 of 1,120,000 bytes" in ran.err


async def test_log_tells_who_did_what_and_how_often_it_ran(house: Rig) -> None:
    await house.run("alice", "library add x.sh", stdin=b"#!/bin/sh\nexit 0\n")
    for _ in range(2):
        ran = await house.run("alice", "on web-01 run x.sh")
        assert ran.status == 0, ran.err
    await house.run("alice", "library add x.sh", stdin=b"#!/bin/sh\nexit 1\n")
    await house.run("alice", "library delete x.sh")
    rows = await log(house, "x.sh")
    assert [(row["what"], row["version"], row["by"], row["runs"]) for row in rows] == [
        ("added", 1, "alice", 2),
        ("added", 2, "alice", 0),
        ("deleted", None, "alice", None),
    ]
    assert rows[0]["last_run"] and not rows[1]["last_run"]
    every = await log(house)
    assert {row["name"] for row in every} > {"x.sh"}  # what was shipped has its lines too
    ran = await house.run("alice", "library log z.sh")
    assert ran.status == 1 and "nothing is known of z.sh" in ran.err
