"""Exec and lines through the stock client: two streams, and the status of the command."""

import asyncio
import subprocess

from tests.doors.rig import Rig


async def test_a_word_without_a_device_prints_rows_and_ends_with_0(rig: Rig) -> None:
    ran = await rig.run("alice", "devices", "-output", "json")
    assert (ran.status, ran.out, ran.err) == (0, "[\n]\n", "")


async def test_what_is_no_command_ends_with_2_on_standard_error(rig: Rig) -> None:
    ran = await rig.run("alice", "devcies")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "not understood: devcies is no command; nearest: devices\n"


async def test_who_waits_for_a_prompt_without_a_terminal_is_told_what_is_read(rig: Rig) -> None:
    def play() -> tuple[str, str, int]:
        pipe = subprocess.PIPE
        line = rig.ssh("alice", options=("-T",))
        ssh = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        with ssh:
            assert ssh.stderr is not None
            told = ssh.stderr.readline()
            out, _ = ssh.communicate("quota -output json\nno-such-word\n", timeout=60)
        return told, out, ssh.returncode

    told, out, status = await asyncio.to_thread(play)
    assert told.startswith("without a terminal the lines of standard input are commands; none has")
    assert out.startswith("[\n{") and status == 2


async def test_lines_that_come_at_once_hear_nothing_of_terminals(rig: Rig) -> None:
    ran = await rig.run("alice", options=("-T",), stdin=b"devices -output json\n")
    assert (ran.status, ran.out, ran.err) == (0, "[\n]\n", "")
