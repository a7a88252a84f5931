"""An auditor's list of sessions, through the real ssh."""

import json
from pathlib import Path

from tests.doors.rig import Rig, finished


async def test_sessions_on_devices_are_listed_and_those_at_the_desk_where_asked_for(
    house: Rig,
) -> None:
    await house.run("alice", "on web-01 pwd")
    await house.run("alice", "devices")
    ran = await house.run("carol", "sessions -output json")
    rows = json.loads(ran.out)
    assert [(row["device"], row["person"]) for row in rows] == [("web-01", "alice")]
    assert isinstance(rows[0]["length"], float)
    note = json.loads(ran.err)["note"]["message"]
    assert note == "4 sessions at the desk left out; sessions -desk lists all"
    every = await house.run("carol", "sessions -desk -output json")
    assert every.err == ""
    assert [row["device"] for row in json.loads(every.out)].count("-") == 5


async def test_files_that_scp_moves_count_as_commands(house: Rig, tmp_path: Path) -> None:
    source, there = tmp_path / "a.txt", tmp_path / "there"
    source.write_bytes(b"text\n")
    there.mkdir()
    scp = ["scp", *house.ssh("alice")[1:-1]]
    scp[scp.index("-p")] = "-P"
    far = f"alice@127.0.0.1:/devices/web-01/root{there}"
    for words in ([str(source), f"{far}/b.txt"], [f"{far}/b.txt", str(tmp_path / "c.txt")]):
        ran = await finished([*scp, *words])
        assert ran.status == 0, ran.err
    assert (tmp_path / "c.txt").read_bytes() == b"text\n"
    rows = json.loads((await house.run("carol", "sessions -output json")).out)
    assert [(row["device"], row["commands"], row["door"]) for row in rows] == [
        ("web-01", 1, "sftp")
    ] * 2


async def test_the_length_is_told_as_a_person_says_it(house: Rig) -> None:
    await house.run("alice", "on web-01 pwd")
    lines = (await house.run("carol", "sessions")).out.splitlines()
    assert lines[0].split() == [
        *("session", "device", "person", "started", "length", "commands", "state")
    ]
    assert lines[1].split()[5:7] == ["0", "s"]
