"""Into a device's terminal and back, on a real screen."""

import asyncio
import hashlib
import re
from pathlib import Path

import pytest

from server.audit.chunks import Kind
from server.audit.replay import frames
from tests.doors.rig import Rig
from tests.journeys.screen import Screen
from tests.journeys.test_console_journey import on_screen

pytestmark = pytest.mark.asyncio(loop_scope="module")
SHELL = r"[#$]$"
KEPT_OPEN = r"^shell (\d+) is still open on web-01; Ctrl-\] or fg \1 goes back, exit in it ends it$"


def at_prompt(s: Screen) -> bool:
    return bool(re.match(r"web-01 .*>$", s.lines[s.screen.cursor.y]))


def in_shell(s: Screen) -> bool:
    return bool(re.search(SHELL, s.lines[s.screen.cursor.y]))


async def test_exec_shell_gives_the_shells_own_status(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^shell on web-01.*, recorded; Ctrl-\] or F12 leaves it running$")
        s.until(in_shell)
        s.enter("exit 7")
        assert s.status() == 7

    await on_screen(shared, play, "shell", "web-01")


async def test_the_key_leaves_at_once_and_what_is_typed_with_it_is_the_consoles(
    shared: Rig,
) -> None:
    def play(s: Screen) -> None:
        s.until(at_prompt)
        s.enter("shell")
        s.until(in_shell)
        s.type("echo left-be")
        s.until(r"left-be$")
        s.type("hind\x1dcd /usr\r")
        s.until(KEPT_OPEN)
        s.until(r"^web-01 \[1 job\] /usr>$")
        s.type("\x1b[24~")
        s.until(r"echo left-behind$")
        s.type("\r")
        s.until(r"^left-behind$")
        s.until(in_shell)
        s.enter("exit")
        s.until(r"^logout$")
        s.until(at_prompt)
        s.type("\x04")
        s.status()

    await on_screen(shared, play, "connect", "web-01")


async def test_what_was_typed_ahead_reaches_the_terminal(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(at_prompt)
        s.type("shell\recho ahead-$((40+2))\rexit\r")
        s.until(r"^ahead-42$")
        s.until(r"^logout$")
        s.until(at_prompt)
        s.type("\x04")
        s.status()

    await on_screen(shared, play, "connect", "web-01")


async def test_the_key_pressed_again_at_once_is_sent_on(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(at_prompt)
        s.enter("shell")
        s.until(in_shell)
        s.enter("stty raw -echo; dd bs=1 count=1 2>/dev/null | od -An -tx1; stty sane")
        s.type("\x1d\x1d")
        s.until(r"^ *1d$")
        s.enter("exit")
        s.until(r"^logout$")
        s.until(at_prompt)
        s.type("\x04")
        s.status()

    await on_screen(shared, play, "connect", "web-01")


async def test_a_leave_key_inside_a_paste_is_text(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(at_prompt)
        s.enter("shell")
        s.until(in_shell)
        s.enter("echo rea''d''y; cat | od -An -c")
        s.until(r"^ready$")
        s.paste("a\x1db\n")
        s.type("\r\x04")
        s.until(r"a 035 +b")
        s.until(in_shell)
        s.enter("exit")
        s.until(r"^logout$")
        s.type("\x04")

    await on_screen(shared, play, "connect", "web-01")


async def test_leaving_puts_the_terminal_at_rest_and_its_late_answers_nowhere(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(at_prompt)
        s.enter("shell")
        s.until(in_shell)
        s.enter(
            r"printf '\033[?1000h\033[?2004h\033[?25l\033[5;10r\033[4h\033(0\033[31m\033[c'; cat"
        )
        s.until(lambda s: b"\x1b[?1000h" in s.raw)
        s.type("\x1d")
        s.until(r"^shell 1 is still open on web-01;")  # over what the device left on the screen
        s.until(at_prompt)
        after = s.raw[s.raw.rindex(b"^]") - 200 :]
        for rest in (b"\x1b[?1000l", b"\x1b[?25h", b"\x1b(B", b"\x1b[0m", b"\x1b[r", b"\x1b[4l"):
            assert rest in after
        s.enter("pwd")
        s.until(r"^/")
        s.type("\x04\x04")
        s.status()

    await on_screen(shared, play, "connect", "web-01")


async def test_the_window_is_the_devices_window(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(in_shell)
        s.enter("stty size")
        s.until(r"^24 80$")
        s.resize(100, 30)
        s.enter("while [ \"$(stty size)\" != '30 100' ]; do :; done; echo resized")
        s.until(r"^resized$")
        s.enter("exit")
        assert s.status() == 0

    await on_screen(shared, play, "shell", "web-01")


async def test_what_reaches_beyond_the_screen_is_dropped_live_and_recorded(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(in_shell)
        s.enter(r"printf '\033]52;c;RVZJTA==\007\033]2;good\007done-%s\n' 1")
        s.until(r"^done-1$")
        assert b"RVZJTA" not in s.raw.split(b"printf", 1)[1].split(b"\n", 1)[1]
        assert b"\x1b]2;good\x07" in s.raw
        s.enter("exit")
        assert s.status() == 0

    await on_screen(shared, play, "shell", "web-01")
    recorded = b"".join(
        frame.data
        for recording in (shared.state / "recordings").iterdir()
        for frame in frames(recording)
        if frame.kind is Kind.OUTPUT
    )
    assert b"\x1b]52;c;RVZJTA==\x07" in recorded


async def test_a_megabyte_comes_through_whole_both_ways(shared: Rig, tmp_path: Path) -> None:
    text = b"".join(b"%07d\n" % n for n in range(32_768))
    digest = hashlib.sha256(text).hexdigest()

    def play(s: Screen) -> None:
        s.until(in_shell)
        s.enter(f"stty -echo; cat > {tmp_path}/in; stty echo")
        s.read(0.3)
        for at in range(0, len(text), 4096):
            s.type(text[at : at + 4096])
        s.type("\x04")
        s.until(in_shell)
        s.enter(f"sha256sum {tmp_path}/in | cut -c1-64")
        s.until(rf"^{digest}$")
        s.enter(f"cat {tmp_path}/in; echo seen-$((1+1))")
        before = len(s.raw)
        s.skim(b"seen-2", 30)
        came = s.raw[before:].replace(b"\r\n", b"\n")
        assert text in came
        s.enter("exit")
        assert s.status() == 0

    await on_screen(shared, play, "shell", "web-01")


async def test_a_flood_does_not_keep_the_leave_key_waiting(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(at_prompt)
        s.enter("shell")
        s.until(in_shell)
        s.enter("yes")
        s.until(r"^y$")
        s.type("\x1d")
        s.skim(b"is still open")
        s.until(at_prompt)
        s.enter("exit")
        s.status(30)

    await on_screen(shared, play, "connect", "web-01")


async def test_another_connection_of_the_same_person_takes_the_session(shared: Rig) -> None:
    taken = asyncio.Event()
    loop = asyncio.get_running_loop()
    session = {}

    def first(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("connect web-01")
        s.until(at_prompt)
        found = re.search(r"open as (S\d+)", s.text)
        assert found is not None
        session["id"] = found[1]
        s.enter("shell")
        s.until(in_shell)
        loop.call_soon_threadsafe(taken.set)
        s.until(rf"^{session['id']} went to another connection of yours$")
        s.until(lambda s: s.lines[s.screen.cursor.y] == "fireline>")
        s.type("\x04")
        assert s.status() == 0

    def second(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter(f"attach {session['id']}")
        s.until(at_prompt)
        s.type("\x1d")
        s.until(in_shell)
        s.enter("exit")
        s.until(r"^logout$")
        s.until(at_prompt)
        s.type("\x04\x04")
        s.status()

    async with asyncio.TaskGroup() as group:
        group.create_task(on_screen(shared, first))
        await taken.wait()
        group.create_task(on_screen(shared, second))
