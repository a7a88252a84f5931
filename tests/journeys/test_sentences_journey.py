"""Fireline's sentences on a real screen: broken between words."""

import re
from pathlib import Path

from tests.doors.rig import Rig
from tests.journeys.screen import Screen
from tests.journeys.test_console_journey import on_screen


async def test_no_sentence_is_broken_inside_a_word(house: Rig, tmp_path: Path) -> None:
    there = tmp_path / "a-file-whose-name-is-long"
    there.write_bytes(b"text\n")

    def play(s: Screen) -> None:
        s.until(r"^web-01 .*>$")
        s.enter("cat " + str(there) + " > kept-under-a-name-that-is-long-too.txt")
        s.until(r"^sftp   /evidence/")
        s.until(lambda s: s.lines[s.screen.cursor.y].startswith("web-01"))
        digest = next(word for word in s.text.split() if re.fullmatch(r"[0-9a-f]{64},", word))
        assert any(digest in line for line in s.lines)
        s.enter("findfile no-such-file-with-a-long-name.of-it -path /usr/bin &")
        s.until(r"^job 2 completed: ")
        s.until(r"status 2 shows (it|them)$")
        for whole in ("findfile", "status 2 shows"):
            assert whole in s.text
        s.type("\x04")
        s.status()

    await on_screen(house, play, "connect", "web-01", columns=90)


async def test_the_verdict_is_broken_between_words(house: Rig) -> None:
    def before(s: Screen) -> None:
        s.until(r"^web-01 .*>$")
        s.type("\x04")
        s.status()

    await on_screen(house, before, "connect", "web-01")

    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("verify S2")
        s.until(r"^not signed: a complete rewrite would not be seen$")
        lines = s.lines
        at = next(n for n, line in enumerate(lines) if line.startswith("S2 verifies: records 1-"))
        end = lines.index("not signed: a complete rewrite would not be seen")
        told = " ".join(lines[at:end])
        assert end - at > 1
        assert re.search(r", sealed \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ, recording whole, ", told)
        s.type("\x04")
        s.status()

    await on_screen(house, play, person="carol", columns=60)
