"""An auditor replays a session on a real screen: what was on it, and the player's line below."""

import asyncio

from tests.doors.rig import Rig
from tests.journeys.screen import Screen
from tests.journeys.test_console_journey import on_screen

LINES = 60


def many(s: Screen) -> None:
    s.until(r"[#$]$")
    s.enter(f"for n in $(seq {LINES}); do echo row $n of the recording; done; exit")
    s.status()


async def replayed(house: Rig, rows: int) -> list[str]:
    """The last screen of the newest device session, in a window of so many rows."""
    listed = (await house.run("carol", "sessions -output csv")).out.splitlines()
    session = next(line.split(",")[0] for line in listed[1:] if ",web-01,alice," in line)
    command = house.ssh("carol", options=("-tt",))
    found: list[str] = []

    def run() -> None:
        with Screen(command, rows=rows) as s:
            s.until(r"^fireline>")
            s.enter(f"replay {session} -speed 64")
            s.until(lambda s: "stopped" in s.lines[-1])
            found.extend(s.lines)
            s.type(",")
            s.until(
                lambda s: f"row {LINES} of the recording" in s.text and "stopped" in s.lines[-1]
            )
            assert s.lines == found
            s.type("q")
            s.until(lambda s: s.lines[s.screen.cursor.y] == "fireline>")
            s.type("\x04")
            s.status()

    await asyncio.to_thread(run)
    return found


async def test_every_line_of_a_recording_is_whole_and_the_players_line_stands_below(
    house: Rig,
) -> None:
    await on_screen(house, many, "shell", "web-01")
    for rows in (16, 24, 40):
        *lines, last = await replayed(house, rows)
        assert last.startswith("S") and "space  [ ]" in last
        assert "\n".join(lines).count("space  [ ]") == 0
        numbers = [int(line.split()[1]) for line in lines if line.endswith("of the recording")]
        assert numbers == list(range(numbers[0], LINES + 1)) and len(numbers) > 10
