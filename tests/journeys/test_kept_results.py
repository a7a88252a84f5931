"""What a command gave, asked for again: for a program, as evidence, and in the list of all."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from tests.doors.rig import Ran, Rig
from tests.journeys.screen import Screen
from tests.journeys.test_console_journey import on_screen

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def lines(house: Rig, *typed: str) -> Ran:
    """Lines of one session on web-01."""
    return await house.run(
        "alice", "connect web-01", stdin="".join(f"{t}\n" for t in typed).encode()
    )


async def test_a_getfile_is_a_row_of_json_and_of_csv(shared: Rig, tmp_path: Path) -> None:
    there = tmp_path / "memo.txt"
    there.write_bytes(b"text of it\n")
    digest = hashlib.sha256(b"text of it\n").hexdigest()
    for output in ("json", "csv"):
        ran = await lines(shared, f"getfile {there}", f"status 1 -output {output}")
        taken, _, given = ran.out.partition(f"sha256 {digest}\n")
        place, _, given = given.partition("\n")
        assert ran.status == 0 and taken.startswith("memo.txt taken: 11 bytes")
        [row] = json.loads(given) if output == "json" else list(csv.DictReader(given.splitlines()))
        assert {name: str(value) for name, value in row.items()} == {
            "file": "memo.txt",
            "what": "taken",
            "bytes": "11",
            "sha256": digest,
            "holes": "0",
            "sftp": place.removeprefix("sftp   "),
        }


async def test_a_getfile_is_told_again_in_the_words_and_with_the_time_of_its_end(
    shared: Rig, tmp_path: Path
) -> None:
    there = tmp_path / "memo.bin"
    there.write_bytes(bytes(40_000_000))  # its transfer takes longer than showing its result

    def play(s: Screen) -> None:
        s.until(r"^web-01 .*>$")
        s.enter(f"getfile {there}")
        s.until(r"^sftp   /evidence/")
        s.until(lambda s: s.lines[s.screen.cursor.y].startswith("web-01"))
        first = [line for line in s.lines if line.startswith("memo.bin taken")]
        s.enter("status 1")
        s.until(lambda s: s.text.count("sftp   /evidence/") == 2)
        assert [line for line in s.lines if line.startswith("memo.bin taken")] == first * 2
        s.type("\x04")
        s.status()

    await on_screen(shared, play, "connect", "web-01")


async def test_a_failed_getfile_is_no_row_and_no_prose(shared: Rig) -> None:
    ran = await lines(shared, "getfile /no/such/file", "status 1 -output json")
    assert (ran.status, json.loads(ran.out)) == (1, [])
    assert json.loads(ran.err.splitlines()[-1])["error"]["code"] == "failed"


async def test_the_folder_that_cd_went_to_is_a_row(shared: Rig) -> None:
    ran = await lines(shared, "cd /etc", "status 1 -output json")
    assert json.loads(ran.out) == [{"folder": "/etc"}]


async def test_nothing_is_kept_of_a_command_that_failed_and_gave_nothing(shared: Rig) -> None:
    ran = await shared.run("alice", "on web-01 cat /no/such/file > y")
    assert ran.status == 1
    assert "nothing is kept as y: cat gave nothing, #1\n" in ran.err
    session = (await shared.run("carol", "sessions -output json")).out
    newest = next(row for row in json.loads(session) if row["device"] == "web-01")["session"]
    assert shared.broker is not None
    assert not shared.broker.journal.folders.evidence(newest).exists()


async def test_an_empty_output_of_a_command_that_did_well_is_kept(
    shared: Rig, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_bytes(b"")
    ran = await shared.run("alice", f"on web-01 cat -raw {tmp_path / 'empty'} > y")
    assert ran.status == 0 and "y kept: " in ran.err


async def test_the_log_has_every_number_also_of_what_was_refused_or_acts_on_the_console(
    shared: Rig,
) -> None:
    typed = ("pwd", "fg 9", "sessions", "run no-such.sh", "status 3", "log -output json")
    ran = await lines(shared, *typed)
    assert "failed: sessions #3 has no result to show; log says what became of it\n" in ran.err
    rows = json.loads(ran.out[ran.out.index("[") :])
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["command"] for row in rows] == list(typed)
    states = [row["state"] for row in rows]
    assert states == ["completed", "failed", "refused", "failed", "failed", "running"]
    assert rows[1]["message"].startswith("no command #9 in this session")
    assert rows[2]["message"].startswith("sessions needs auditor")


async def test_who_keeps_a_scripts_output_is_told_that_its_standard_error_is_not_in_there(
    shared: Rig,
) -> None:
    script = b"#!/bin/sh\necho out\n[ $# -eq 0 ] || echo bad >&2\n"
    assert (await shared.run("alice", "library add says.sh", stdin=script)).status == 0
    quiet = await shared.run("alice", "on web-01 run says.sh > quiet")
    assert "quiet kept: 4 bytes, " in quiet.err and "standard error" not in quiet.err
    loud = await shared.run("alice", "on web-01 run says.sh -arg x > loud")
    assert "loud kept: 4 bytes, " in loud.err
    assert loud.err.endswith(
        "its standard error is not in there: status 1 has both while the session lasts\n"
    )


async def test_a_path_of_ones_own_is_no_library_file_and_the_way_there_is_told(
    shared: Rig,
) -> None:
    for line in ("on web-01 run /home/alice/says.sh", r"on web-01 putfile C:\x\y.exe -path /tmp/y"):
        ran = await shared.run("alice", line)
        assert ran.status == 1
        assert ran.err.endswith("goes there first: ssh … 'library add NAME' < FILE\n")


async def test_a_running_command_is_listed_with_the_time_that_it_has_run(shared: Rig) -> None:
    ran = await lines(shared, "findfile no-such-* -path / &", "jobs -output json", "cancel 1")
    [row] = json.loads(ran.out[ran.out.index("[") : ran.out.index("]") + 1])
    assert row["state"] == "running" and row["took_s"] >= 0.0
