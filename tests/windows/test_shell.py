"""`shell` on Windows, typed at a real ssh client and seen on a real screen; replayed, verified."""

import re

import pytest

from tests.journeys.screen import Screen
from tests.windows.live import Live

pytestmark = [
    pytest.mark.windows,
    pytest.mark.xdist_group("windows-live"),
    pytest.mark.needs("ssh"),
]


def at_prompt(screen: Screen) -> bool:
    return bool(re.search(r"^[A-Z]:\\.*>$", screen.lines[screen.screen.cursor.y]))


def ssh(live: Live, line: str, person: str = "fireline") -> Screen:
    return Screen(["ssh", "-t", "-F", str(live.state / "ssh_config"), person, line])


def session(live: Live) -> str:
    rows = live.rows("sessions", "fireline-auditor")
    return str(next(row["session"] for row in rows if row["device"] == live.device))


def test_a_terminal_is_typed_into_replayed_and_verified(live: Live) -> None:
    with ssh(live, f"shell {live.device}") as screen:
        screen.until(at_prompt, 60)
        assert b"recorded; Ctrl-] or F12 leaves it running" in screen.raw
        screen.enter("echo hel^lo")
        screen.until(r"^hello$", 30)
        screen.until(at_prompt, 30)
        screen.enter("echo gr^üße")
        screen.until(r"^grüße$", 30)
        screen.enter("exit 7")
        assert screen.status(60) == 7
    held = session(live)
    verified = live.client("ssh", "-T", "fireline-auditor", f"verify {held}")
    assert verified.status == 0 and f"{held} verifies" in verified.out + verified.err
    cast = live.client("ssh", "-T", "fireline-auditor", f"replay {held} -output cast")
    assert cast.status == 0 and "hello" in cast.out and "gr^" in cast.out


def test_the_key_leaves_it_running_and_goes_back(live: Live) -> None:
    with ssh(live, f"connect {live.device}") as screen:
        screen.until(rf"^{live.device} C:\\.*>$", 60)
        screen.enter("shell")
        screen.until(at_prompt, 60)
        screen.type("echo still h\x1d")
        screen.until(rf"^shell \d+ is still open on {live.device};", 30)
        screen.enter("pwd")
        screen.until(r"^C:\\$", 30)
        screen.type("\x1b[24~")
        screen.until(r"echo still h$", 30)
        screen.enter("ere")
        screen.until(r"^still here$", 30)
        screen.enter("exit")
        screen.until(rf"^{live.device} C:\\.*>$", 60)
        screen.enter("exit")
        assert screen.status(60) == 0


def test_the_end_of_the_session_ends_what_the_terminal_started(live: Live) -> None:
    with ssh(live, f"shell {live.device}") as screen:
        screen.until(at_prompt, 60)
        screen.enter("start /b ping -n 600 127.0.0.1 >nul")
        screen.enter("echo star^ted")
        screen.until(r"^started$", 30)
        screen.enter("exit")
        screen.status(60)
    rows = live.rows(f"on {live.device} processes")
    assert not [row for row in rows if row["name"] in ("ping.exe", "cmd.exe", "ptyrun.exe")]


def test_lines_by_standard_input_run_without_a_terminal(live: Live) -> None:
    lines = ["echo one", "cd", "echo bad 1>&2", "exit 6"]
    ran = live.ssh(f"shell {live.device}", "\r\n".join([*lines, ""]))
    assert (ran.status, ran.out.split(), ran.err.split()) == (6, ["one", "C:\\"], ["bad"])
