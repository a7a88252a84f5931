"""`settings` on a real screen: each name does what it says, and stays with the person."""

import json
import re

from tests.doors.rig import Rig
from tests.journeys.screen import Screen
from tests.journeys.test_console_journey import on_screen

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


async def test_settings_are_listed_kept_and_refused_by_name(house: Rig) -> None:
    ran = await house.run("alice", "settings -output json")
    names = [row["name"] for row in json.loads(ran.out)]
    assert names == ["color", "zone", "page", "bell", "shell_key", "plain"]
    assert (await house.run("alice", "settings zone Europe/Berlin")).status == 0
    ran = await house.run("alice", "settings zone -output json")
    assert [row["value"] for row in json.loads(ran.out)] == ["Europe/Berlin"]
    ran = await house.run("bob", "settings zone -output json")
    assert [row["value"] for row in json.loads(ran.out)] == ["UTC"]
    for wrong in ("color blue", "zone Nowhere/Land", "zone +25:00", "shell_key a", "sound on"):
        assert (await house.run("alice", f"settings {wrong}")).status == 2


async def test_a_zone_is_for_tables_and_never_for_programs(house: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("settings zone +05:30")
        s.until(r"zone +\+05:30")
        s.enter("devices -output list")
        s.until(rf"^last_seen +{STAMP}\+05:30$")
        s.enter("devices -output json")
        s.until(r'"last_seen":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"')

    await on_screen(house, play)
    ran = await house.run("alice", "devices")
    assert re.search(rf"{STAMP}Z", ran.out)  # without a terminal too


async def test_plain_gives_lists_in_ascii_and_redraws_nothing(house: Rig) -> None:
    assert (await house.run("alice", "settings plain on")).status == 0

    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("connect web-01")
        s.until(r"^web-01 />")
        s.enter("processes")
        s.until(r"^[\d,]+ rows, .* #1$")
        assert s.raw.isascii()
        assert b"\x1b]133" not in s.raw
        s.enter("run slow.sh")
        s.until(r"^waiting for web-01, .*$")
        s.type("\x03")
        s.until(r"^cancelled: ")
        assert b"\r\x1b[K" not in s.raw
        assert s.all_text.count("waiting for web-01") == 1

    ran = await house.run("alice", "library add slow.sh", stdin=b"#!/bin/sh\nsleep 60\n")
    assert ran.status == 0, ran.err
    await on_screen(house, play)
    await on_screen(house, lambda s: (s.until(r"^name +web-01$"), None)[1])


async def test_color_off_is_kept_from_one_login_to_the_next(house: Rig) -> None:
    def seen(s: Screen) -> None:
        s.until(r"^fireline>")
        colored.append(re.search(rb"\x1b\[(?:0;)?1m", s.raw) is not None)

    colored: list[bool] = []
    await on_screen(house, seen)
    assert (await house.run("alice", "settings color off")).status == 0
    await on_screen(house, seen)
    assert colored == [True, False]


async def test_page_off_stops_nowhere(house: Rig) -> None:
    assert (await house.run("alice", "settings page off")).status == 0

    def play(s: Screen) -> None:
        s.until(r"^web-01 />")
        s.enter("run many.sh")
        s.until(r"^line 1999$")
        s.until(r"^web-01 />")

    await house.run("alice", "library add many.sh", stdin=b"seq -f 'line %g' 0 1999\n")
    await on_screen(house, play, "connect", "web-01")


async def test_the_shell_key_is_the_one_that_was_set(house: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^web-01 />")
        s.enter(r"settings shell_key ctrl-\ ")
        s.until(r"shell_key +ctrl-\\")
        s.enter("shell")
        s.until(r"recorded; Ctrl-\\ or F12 leaves it running")
        s.type("cat -v\r\x1d\r")
        s.until(r"^\^\]$")
        s.type("\x1c")
        s.until(r"^shell 2 is still open on web-01; Ctrl-\\ or fg 2 goes back")
        s.until(r"^web-01 \[1 job\] />$")
        s.enter("pwd")
        s.until(r"^/\nweb-01 \[1 job\] />$")
        s.type("\x1c")
        s.type("\x03echo back in it\r")
        s.until(r"^back in it$")

    await on_screen(house, play, "connect", "web-01")
