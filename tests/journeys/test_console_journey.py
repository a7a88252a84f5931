"""The console as a person sees it: each test is a transcript on a real screen."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doors.rig import RULES, Rig, start_device
from tests.journeys.screen import Screen

pytestmark = pytest.mark.asyncio(loop_scope="module")
Play = Callable[[Screen], None]


async def on_screen(
    rig: Rig,
    play: Play,
    *words: str,
    person: str = "alice",
    options: tuple[str, ...] = (),
    term: str = "xterm-256color",
    columns: int = 80,
) -> None:
    """Plays a person at the terminal in a thread: the broker runs in this process."""
    command = rig.ssh(person, *words, options=("-tt", *options))

    def run() -> None:
        with Screen(command, columns=columns, env={"TERM": term}) as screen:
            play(screen)

    await asyncio.to_thread(run)


async def test_the_first_screen_tells_who_one_is_and_what_there_is(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        lines = s.lines
        assert re.fullmatch(
            r"Fireline \S+ on \S+\. You are alice, key SHA256:.{8}\. Recorded\. UTC\.", lines[0]
        )
        assert lines[1].split() == ["name", "platform", "state", "seen", "tags"]
        assert lines[2].startswith("web-01  ") and " online " in lines[2]
        assert lines[3] == "1 device; connect NAME opens one"
        assert lines[4] == "fireline>"
        s.type("\x04")
        assert s.status() == 0

    await on_screen(shared, play)


async def test_a_session_opens_with_its_facts_and_ends_where_it_came_from(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("connect web-01")
        s.until(r"^web-01 .*>$")
        assert re.search(r"^web-01 open as S\d+ in \d\.\d s$", s.text, re.M)
        assert re.search(r"^system  \S.* up \d+ [dhms],\s+shim \d", s.text, re.M)
        assert re.search(r"^state   not isolated, not restricted, no other session", s.text, re.M)
        assert re.search(r"^you     advanced \(rule everything\)", s.text, re.M)
        s.enter("cd /etc")
        s.until(r"^web-01 /etc>$")
        s.enter("exit")
        s.until(r"^S\d+ on web-01 has ended$")
        s.until(lambda s: s.lines[s.screen.cursor.y].startswith("fireline>"))
        s.enter("exit")
        assert s.status() == 0

    await on_screen(shared, play)


async def test_control_d_leaves_the_session_and_then_fireline_but_not_its_jobs_unsaid(
    shared: Rig,
) -> None:
    def play(s: Screen) -> None:
        s.until(r"^web-01 .*>$")
        s.enter("findfile *.no-such -path / &")
        s.until(r"^job 1 runs behind: fg 1, status 1, cancel 1$")
        s.type("\x04")
        s.until(r"^1 job runs; Ctrl-D again ends them with the session, detach keeps them$")
        s.until(lambda s: "[1 job]" in s.lines[s.screen.cursor.y])
        s.type("\x04")
        assert s.status() == 0

    await on_screen(shared, play, "connect", "web-01")


async def test_control_c_on_a_line_clears_it_and_never_leaves(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.type("devices wrong")
        s.until(r"^fireline> devices wrong$")
        s.type("\x03")
        s.until(lambda s: s.lines[s.screen.cursor.y] == "fireline>")
        s.enter("pwd")
        s.until(r"^refused: no device here")
        s.type("\x04")
        assert s.status() == 0

    await on_screen(shared, play)


async def test_control_c_stops_the_command_on_the_device_and_says_so(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^web-01 .*>$")
        s.enter("findfile *.no-such -path /")
        s.type("\x03")
        s.until(r"^cancelled: findfile (stopped on web-01 while running|had not started)")
        s.until(lambda s: s.lines[s.screen.cursor.y].startswith("web-01"))
        s.type("\x04")
        s.status()

    await on_screen(shared, play, "connect", "web-01")


async def test_control_z_puts_it_behind_and_its_end_comes_above_typed_text(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^web-01 .*>$")
        s.enter("findfile *.no-such -path /usr")
        s.type("\x1a")
        s.until(r"^job 1 runs behind: fg 1, status 1, cancel 1$")
        s.type("typed text")
        s.until(r"^job 1 completed: findfile on web-01, 0 rows")
        s.until(lambda s: s.lines[s.screen.cursor.y].endswith("> typed text"))
        s.type("\x03\x04")
        s.status()

    await on_screen(shared, play, "connect", "web-01")


async def test_pasted_lines_wait_for_one_enter_and_stop_at_the_first_failure(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.paste("pwd\ndevices\ndevices\n")
        s.until(lambda s: s.text.count("devices") == 3 + 0 or "devices\ndevices" in s.text)
        assert "refused" not in s.text
        s.type("\r")
        s.until(r"^2 pasted lines were not run, because this one failed$")
        s.paste("devices -output csv\nhelp token\n")
        s.type("\r")
        s.until(r"^web-01,")
        s.until(r"token")
        s.type("\x04")
        assert s.status() == 0

    await on_screen(shared, play)


async def test_tab_shows_words_with_their_meaning_and_enter_on_one_does_not_run_it(
    shared: Rig,
) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.type("conn")
        s.type("\t")
        s.until(r" connect +Open a session on a device")
        s.type("\t")
        s.type("\r")
        s.until(lambda s: s.lines[s.screen.cursor.y].startswith("fireline> connect"))
        s.read(0.3)
        assert "not understood" not in s.text
        s.type("\x15connect w\t")
        s.until(r"^fireline> connect web-01")
        s.type("\x03\x04")
        assert s.status() == 0

    await on_screen(shared, play)


async def test_history_is_found_again_by_the_same_person_and_not_run_by_enter(shared: Rig) -> None:
    def first(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("why dir web-01")
        s.until(r"^allowed:")
        s.enter(" why dir secret-name")
        s.until(r"secret-name: no device")
        s.type("\x04")
        assert s.status() == 0

    def second(s: Screen) -> None:
        s.until(r"^fireline>")
        s.type("\x12why")
        s.until(r"^\(reverse-i-search\)`why': why dir web-01")
        s.type("\r")
        s.until(r"^fireline> why dir web-01$")
        assert "allowed" not in s.text and "secret-name" not in s.text
        s.type("\x03\x04")
        assert s.status() == 0

    await on_screen(shared, first)
    await on_screen(shared, second)


async def test_long_output_stops_once_and_q_stops_the_showing_only(
    shared: Rig, tmp_path: Path
) -> None:
    (tmp_path / "long").write_text("".join(f"{n}\n" for n in range(1, 3001)))

    def play(s: Screen) -> None:
        s.until(r"^web-01 .*>$")
        s.type(f"cat {tmp_path}/long\rall ")  # what is typed ahead is for the next prompt
        s.until(r"^space more, a all, / find, q stops showing$")
        assert s.lines[-2:] == ["500", "space more, a all, / find, q stops showing"]
        s.type(" ")
        s.until(r"^523$")
        s.until(r"^space more")
        s.type("/2900\r")
        s.until(r"^2900$")
        s.until(r"^space more")
        s.type("q")
        s.until(r"^web-01 .*> all $|^web-01 .*> all$")
        s.type("\x03")
        s.enter("status 1 -output json > kept.json")
        s.until(lambda s: s.lines[s.screen.cursor.y].startswith("web-01"))
        s.type("\x04")
        s.status()

    await on_screen(shared, play, "connect", "web-01")


async def test_a_missing_comment_is_asked_for_and_enter_opens_nothing(shared: Rig) -> None:
    shared.write_access(
        rules=RULES.replace("role: advanced", "role: advanced\n    comment: required")
    )
    assert shared.broker is not None
    await shared.broker.access.reload_if_changed()

    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("connect web-01")
        s.until(r"^Comment \(case and reason; empty: no session\):")
        s.type("\r")
        s.until(r"^refused: no comment, so no session on web-01 was opened$")
        s.enter("connect web-01")
        s.until(lambda s: s.text.count("Comment (case") == 2)
        s.type("INC-4711 beacon\r")
        s.until(r"^web-01 open as S\d+")
        s.type("\x04\x04")
        assert s.status() == 0

    await on_screen(shared, play)


async def test_detach_keeps_the_session_and_attach_goes_back(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("connect web-01")
        s.until(r"^web-01 .*>$")
        session = re.search(r"open as (S\d+)", s.text)
        assert session is not None
        s.enter("findfile *.no-such -path /usr &")
        s.until(r"^job 1 runs behind")
        s.enter("detach")
        s.until(rf"^{session[1]} stays open with its jobs for 15 min: attach {session[1]}$")
        s.enter(f"attach {session[1]}")
        s.until(rf"^{session[1]} web-01, away ")
        s.until(lambda s: s.lines[s.screen.cursor.y].startswith("web-01"))
        s.enter("status 1")
        s.until(r"^0 rows, ")
        s.until(r"^( +[0-9:]+Z  )?job 1 completed: ")  # above, where it ended while away
        s.type("\x04\x04")
        s.status()

    await on_screen(shared, play)


async def test_a_broken_link_keeps_the_session_for_its_person(shared: Rig) -> None:
    def breaks(s: Screen) -> None:
        s.until(r"^web-01 .*>$")
        s.enter("findfile *.no-such -path / &")
        s.until(r"^job 1 runs behind")

    await on_screen(shared, breaks, "connect", "web-01")

    def finds(s: Screen) -> None:
        s.until(r"^fireline>")
        found = re.search(
            r"^(S\d+) web-01 waits for you(, 1 job running)?, left \d+ s ago: attach \1$",
            s.text, re.M,
        )  # fmt: skip
        assert found is not None, s.text
        s.enter(f"attach {found[1]}")
        s.until(r"^web-01 .*>$")
        s.type("\x04\x04")

    broker = shared.broker
    assert broker is not None
    async with asyncio.timeout(10):
        while not any(s.detached for s in broker.sessions.live.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await on_screen(shared, finds)


@pytest.mark.parametrize(
    ("term", "options"),
    [("dumb", ()), ("xterm", ("-o", "SetEnv=NO_COLOR=1"))],
    ids=["dumb", "NO_COLOR"],
)
async def test_without_colour_nothing_is_coloured(
    shared: Rig, term: str, options: tuple[str, ...]
) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.enter("getfle")
        s.until(r"^not understood")
        s.until(lambda s: s.lines[s.screen.cursor.y].startswith("fireline>"))
        assert not re.search(rb"\x1b\[[0-9;]*[1-9][0-9;]*m", s.raw)
        s.type("\x04")
        assert s.status() == 0

    await on_screen(shared, play, term=term, options=options)


async def test_a_dumb_terminal_gets_text_and_line_ends_alone(shared: Rig) -> None:
    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.type("getfleX\x7f junk\x03")
        s.until(r"\^C")
        s.enter("connect web-01")
        s.until(r"^web-01 .*> ?$")
        s.enter("findfile *.no-such -path /usr &")
        s.until(r"^job 1 runs behind")
        s.type("typed")
        s.until(r"^job 1 completed")
        s.until(lambda s: s.lines[s.screen.cursor.y].endswith("> typed"))
        s.type("\x03\x04")
        s.until(r"has ended$")
        s.type("\x04")
        assert s.status() == 0
        assert b"\x1b" not in s.raw

    await on_screen(shared, play, term="dumb")


async def test_a_terminal_of_no_size_is_80_by_24(shared: Rig) -> None:
    import asyncssh

    async with asyncssh.connect(
        "127.0.0.1", shared.port, username="alice", client_keys=[str(shared.keys / "alice")],
        known_hosts=None, config=None,
    ) as client:  # fmt: skip
        process = await client.create_process(term_type="xterm", term_size=(0, 0))
        assert "Fireline" in await process.stdout.readuntil("fireline")
        process.change_terminal_size(40, 10)
        process.stdin.write("\x04")
        assert (await process.wait()).exit_status == 0


async def test_an_exec_with_a_terminal_ends_with_the_commands_status(shared: Rig) -> None:
    def play(s: Screen) -> None:
        assert s.status() == 1
        assert "failed: dir on web-01: /no/such does not exist" in s.text

    await on_screen(shared, play, "on web-01 dir /no/such")


async def test_two_devices_and_the_flags_in_the_prompt(shared: Rig, tmp_path: Path) -> None:
    second = await start_device(shared, "web-02")
    try:

        def play(s: Screen) -> None:
            s.until(r"^2 devices; connect NAME opens one$")
            s.enter("connect web-02")
            s.until(r"^web-02 .*>$")
            stopping = asyncio.run_coroutine_threadsafe(second.stop(), loop)
            stopping.result(20)
            s.until(r"^web-02 lost \d\d:\d\d:\d\dZ")
            s.until(r"^web-02 \[lost\] .*>$")
            s.enter("dir /")
            s.until(r"^unreachable: web-02 is offline")
            s.type("\x04\x04")
            s.status(30)

        loop = asyncio.get_running_loop()
        await on_screen(shared, play)
    finally:
        await second.stop()
