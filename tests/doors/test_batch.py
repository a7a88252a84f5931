"""Exec and lines through the stock client: two streams, and the status of the command."""

from tests.doors.rig import Rig


async def test_a_word_without_a_device_prints_rows_and_ends_with_0(rig: Rig) -> None:
    ran = await rig.run("alice", "devices", "-output", "json")
    assert (ran.status, ran.out, ran.err) == (0, "[\n]\n", "")


async def test_what_is_no_command_ends_with_2_on_standard_error(rig: Rig) -> None:
    ran = await rig.run("alice", "devcies")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "not understood: devcies is no command; nearest: devices\n"
