"""Exec and lines on a real device: rows, messages, statuses, as a script sees them."""

import json
import re
from pathlib import Path

import pytest

from tests.doors.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_rows_stand_on_standard_output_and_nothing_else(shared: Rig) -> None:
    ran = await shared.run("alice", "on web-01 processes -output json")
    rows = json.loads(ran.out)
    assert (ran.status, ran.err) == (0, "")
    assert any(row["name"].startswith("python") for row in rows)


async def test_no_rows_is_status_0(shared: Rig) -> None:
    ran = await shared.run("alice", "on web-01 processes -name no-such-program -output csv")
    assert (ran.status, ran.err) == (0, "") and ran.out.startswith("name,pid,")


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        (
            "on web-01 dir /no/such/folder",
            1,
            "failed: dir on web-01: /no/such/folder does not exist\n",
        ),
        ("on web-01 getfle x", 2, "not understood: getfle is no command; nearest: getfile\n"),
        ("on web-01", 2, "not understood: on needs LINE; on SELECTOR LINE... "),
        ("on web-01 connect web-01", 2, "not understood: connect is no command to run on a device"),
        ("on web-99 dir", 4, "unreachable: web-99: no device of that name that you may see;"),
        ("attach S1", 3, "refused: attach needs a terminal; ssh -t gives one\n"),
        ("on web-01 shell", 2, "not understood: shell on web-01 without a terminal is an exec of "),
        ("status 1 &", 2, "not understood: status does not run behind; type it without &\n"),
        ("on web-01 cat / -head 1 -tail 1", 2, "not understood: cat on web-01 takes -head or"),
        ('on web-01 dir "x', 2, "not understood: the quote at column"),
    ],
)
async def test_each_way_to_end_has_its_status_and_one_sentence(
    shared: Rig, line: str, status: int, message: str
) -> None:
    ran = await shared.run("alice", line)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith(message)


async def test_a_basic_responder_may_not_run(shared: Rig) -> None:
    ran = await shared.run("bob", "on web-01 run x.sh")
    assert ran.status == 3
    assert ran.err == (
        "refused: run on web-01 needs advanced, you are basic (rule look, access.yaml line 16); "
        "why run web-01 shows the way to it\n"
    )


async def test_errors_of_json_are_one_object(shared: Rig) -> None:
    ran = await shared.run("alice", "on web-01 dir /no/such -output json")
    assert ran.status == 1 and json.loads(ran.out) == []
    error = json.loads(ran.err)["error"]
    assert (error["code"], error["device"]) == ("failed", "web-01")
    assert re.fullmatch(r"S\d+#1", error["target"])


@pytest.mark.parametrize(
    "line",
    [
        "getfle /x -output json",
        "processes -nme x json",
        "on web-01 getfle /x -output json",
        "on web-01 dir -no-such -output json",
        "echo $SHELL -output json",
    ],
)
async def test_a_line_that_is_not_understood_answers_json_where_it_was_asked_for(
    shared: Rig, line: str
) -> None:
    ran = await shared.run("alice", line)
    assert (ran.status, ran.out) == (2, "")
    assert json.loads(ran.err)["error"]["code"] == "not_understood"


async def test_json_of_what_was_not_run_is_an_empty_array_and_an_error_that_names_all(
    shared: Rig,
) -> None:
    ran = await shared.run("alice", "on web-99 processes -output json")
    error = json.loads(ran.err)["error"]
    assert (ran.status, ran.out) == (4, "[\n]\n")
    assert (error["code"], error["device"]) == ("unreachable", "web-99")
    ran = await shared.run("alice", "sessions -output json")
    assert (ran.status, ran.out) == (3, "[\n]\n")
    assert json.loads(ran.err)["error"]["rule"].startswith("everything (access.yaml line ")


@pytest.mark.parametrize("line", ["status 1", "on web-01 status 3"])
async def test_an_exec_has_no_other_command_whose_result_could_be_shown(
    shared: Rig, line: str
) -> None:
    ran = await shared.run("alice", line)
    assert ran.status == 1
    assert "failed: an exec is a session of its own and has this one command; " in ran.err


@pytest.mark.parametrize("line", ["verify S9999", "replay S9999 -output cast"])
async def test_a_session_that_is_not_there_has_one_answer_for_every_word(
    shared: Rig, line: str
) -> None:
    ran = await shared.run("carol", line)
    assert ran.status == 1
    assert ran.err == "failed: there is no session S9999; sessions lists them\n"


async def test_a_recording_with_a_byte_changed_is_named_and_its_session_does_not_verify(
    shared: Rig,
) -> None:
    await shared.run("alice", "on web-01 pwd")
    listed = json.loads((await shared.run("carol", "sessions -output json")).out)
    session = next(row["session"] for row in listed if row["device"] == "web-01")
    assert (await shared.run("carol", f"verify {session}")).status == 0
    assert shared.broker is not None
    path = shared.broker.journal.folders.recording(session)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    ran = await shared.run("carol", f"verify {session}")
    assert ran.status == 1
    assert re.fullmatch(rf"failed: {session} does not verify; records 1-\d+ do\n", ran.err)
    ran = await shared.run("carol", f"verify {session}", options=("-tt",))
    assert 0 < ran.out.index("does not verify;") < ran.out.index("recording  changed"), ran.out
    ran = await shared.run("carol", f"verify {session}")
    found = r"  recording  changed before byte \d+: \w+, \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\n"
    assert re.search(found, ran.out), ran.out


@pytest.mark.parametrize(
    "probe",
    [
        "rsync --server --sender -vlogDtpre.iLsfxCIvu . /etc",
        "scp -S /bin/sh a b",
        "/bin/sh -c 'command -v tmux'",
        "echo ${ShellId}%ComSpec%",
        "uname -sm",
        "mosh-server new",
        "git-upload-pack 'x'",
        "exec sh",
        "TERM=xterm; export TERM",
    ],
)
async def test_what_is_no_command_is_refused_and_nothing_is_run(shared: Rig, probe: str) -> None:
    ran = await shared.run("alice", probe)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("not understood: ") and ran.err.count("\n") == 1


async def test_lines_on_standard_input_are_run_in_order_with_the_last_ones_status(
    shared: Rig, tmp_path: Path
) -> None:
    lines = f"cd {tmp_path}\npwd\n\ngetfle x\ndir /no/such\npwd\n".encode()
    ran = await shared.run("alice", "connect", "web-01", stdin=lines)
    assert (ran.status, ran.out) == (0, f"{tmp_path}\n" * 2)
    assert "getfle is no command" in ran.err and "failed: dir on web-01: /no/such" in ran.err


async def test_exit_in_lines_ends_with_the_status_of_the_line_before_it(shared: Rig) -> None:
    ran = await shared.run("alice", stdin=b"connect web-01\ndir /no/such\nexit\nexit\npwd\n")
    assert ran.status == 1
    assert "failed: dir on web-01: /no/such does not exist" in ran.err


async def test_a_line_that_is_no_utf8_is_refused_by_name(shared: Rig) -> None:
    ran = await shared.run("alice", "connect", "web-01", stdin=b"dir /tmp/\xff\n")
    assert ran.status == 2 and "raw:" in ran.err


async def test_the_file_arrives_in_evidence_with_its_digest(shared: Rig, tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"x" * 100_000)
    ran = await shared.run("alice", f'on web-01 getfile "{tmp_path}/a b"')
    assert ran.status == 0 and "same digest" in ran.out + ran.err
    kept = list((shared.state / "evidence").rglob("a b"))
    assert [path.read_bytes() for path in kept] == [b"x" * 100_000]
