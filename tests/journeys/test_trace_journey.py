"""`trace`: how a command went, step by step, after each command."""

import re

from tests.doors.rig import Rig
from tests.journeys.screen import Screen
from tests.journeys.test_console_journey import on_screen

TRACED = (
    r"trace #(\d+): everything \(access\.yaml line \d+\); durable ([\d.]+) ms, "
    r"worker ready ([\d.]+) ms, first answer ([\d.]+) ms, end ([\d.]+) ms; "
    r"([\d,]+) rows, stream \w+"
)


async def test_trace_names_the_rule_and_the_steps_in_their_order(house: Rig) -> None:
    lines = b"connect web-01\ntrace\nprocesses\ntrace off\npwd\n"
    ran = await house.run("alice", stdin=lines)
    assert ran.status == 0
    assert "trace is on\n" in ran.err and "trace is off\n" in ran.err
    assert ran.err.count("trace #") == 1
    traced = re.search(TRACED, ran.err)
    assert traced is not None, ran.err
    assert traced[1] == "2"
    steps = [float(traced[n]) for n in range(2, 6)]
    assert steps == sorted(steps) and int(traced[6].replace(",", "")) > 1


async def test_trace_stands_under_a_commands_footer_and_the_next_prompt_is_whole(
    house: Rig,
) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("trace on")
        s.until(r"^trace is on$")
        s.enter("devices")
        s.until(r"#2[^\n]*\ntrace #2: [^\n]*durable [\d.]+ ms")
        s.until(lambda s: s.lines[s.screen.cursor.y] == "fireline>")

    await on_screen(house, play, columns=120)
