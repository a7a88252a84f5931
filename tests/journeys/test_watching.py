"""Two people at one session: who watches sees it and changes nothing, who asks is let in or not."""

import os
import re
import signal
from collections.abc import Iterator

import pytest

from tests.journeys.rig import House
from tests.journeys.screen import Screen

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "watched-01"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"reserve_bytes": 1 << 20, "left_open_s": 20, "ask_s": 3}
    with House(tmp_path_factory.mktemp("watching") / "house", limits) as house:
        house.start_shim(DEVICE)
        yield house


def console(house: House, host: str, line: str = "", columns: int = 100, rows: int = 24) -> Screen:
    argv = house.ssh(line, "-tt", host=host)
    return Screen(argv if line else argv[:-1], columns=columns, rows=rows)


def alice(house: House) -> Screen:
    s = console(house, "fireline", f"connect {DEVICE}")
    s.until(at_prompt)
    return s


def bob(house: House, columns: int = 100, rows: int = 24) -> Screen:
    s = console(house, "fireline-basic", columns=columns, rows=rows)
    s.until(r"^fireline>$")
    return s


def at_prompt(s: Screen) -> bool:
    return bool(re.match(rf"{DEVICE} .*>$", s.lines[s.screen.cursor.y]))


def in_shell(s: Screen) -> bool:
    return bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y]))


def last_session(house: House) -> str:
    begun = [s for s in house.of_kind("session_begun") if s["device"] == DEVICE]
    return str(begun[-1]["session"])


def test_who_watches_sees_console_and_shell_and_changes_nothing(house: House) -> None:
    with alice(house) as a, bob(house, columns=60, rows=12) as b:
        session = last_session(house)
        a.enter("pwd")
        a.until(r"^/$")
        b.enter(f"attach {session} -watch")
        b.until(r"^/$")  # what was there before
        b.until(rf"^{session} {DEVICE} alice .*watching .*q ends")
        a.until(r"^bob watches$")
        a.until(rf"^{DEVICE} \[watching\] ")
        a.enter("shell")
        a.until(in_shell)
        a.enter("stty size; echo seen-$((6*7))")
        a.until(r"^24 100$")
        b.until(r"^seen-42$")
        b.until(rf"^{session} {DEVICE} alice  100x24  watching")
        b.type("id\r")  # no key of a watcher reaches the device
        a.enter("echo still-$((1+1))")
        a.until(r"^still-2$")
        b.until(r"^still-2$")
        assert "uid=" not in a.all_text
        a.enter("exit")
        a.until(at_prompt)
        b.type("q")
        b.until(r"fireline>$")
        a.until(r"^bob watched for \d+ s$")
        a.enter("pwd")
        a.until(rf"^{DEVICE} /")
        assert "[watching]" not in a.lines[a.screen.cursor.y]
        a.enter("exit")
        assert a.status() == 0
    (began,), (ended,) = (house.of_kind(k, session) for k in ("watch_began", "watch_ended"))
    assert (began["by"], ended["by"]) == ("bob", "bob")
    status, said = house.admin(f"verify {session}")
    assert status == 0, said


def test_a_watcher_sees_the_end_and_one_who_may_not_see_it_sees_nothing(house: House) -> None:
    with alice(house) as a, bob(house) as b:
        session = last_session(house)
        b.enter(f"attach {session} -watch")
        b.until(r"watching .*q ends")
        a.enter("exit")
        assert a.status() == 0
        b.until(rf"^{session} has ended: exit$")
        b.enter(f"attach {session} -watch")
        b.until(rf"^failed: no session {session} is open that you may see; devices lists$")
    with alice(house) as a, console(house, "fireline-auditor") as c:
        session = last_session(house)
        c.until(r"^fireline>$")
        c.enter(f"attach {session} -watch")
        c.until(
            rf"^refused: {session} on {DEVICE} needs basic or advanced, carol is auditor there$"
        )
    assert not house.of_kind("watch_began", session)


def test_a_watcher_that_is_killed_watches_no_more(house: House) -> None:
    with alice(house) as a, bob(house) as b:
        b.enter(f"attach {last_session(house)} -watch")
        a.until(r"^bob watches$")
        os.kill(b.pid, signal.SIGKILL)
        a.until(r"^bob watched for \d+ s$")


def test_who_asks_is_let_in_and_the_session_is_his_under_his_own_rights(house: House) -> None:
    with alice(house) as a, bob(house) as b:
        session = last_session(house)
        b.enter(f"attach {session}")
        b.until(rf"^refused: {session} is alice's: attach {session} -watch looks at it, -ask asks")
        a.enter("shell")
        a.until(in_shell)
        a.type(b"\x1d")
        a.until(at_prompt)
        b.enter(f"attach {session} -ask")
        b.until(r"^waiting for alice, \d s   Ctrl-C stop$")
        a.until(rf"^bob asks to take over {session}: letin bob, or -no$")
        a.enter("letin bob")
        a.until(rf"^refused: bob may not shell on {DEVICE}; cancel \d+ first$")
        number = re.findall(r"cancel (\d+) first", a.all_text)[-1]
        a.enter(f"cancel {number}")
        a.until(r"^job \d+ cancelled: |^cancelled: ")
        b.until(r"^timed out: alice did not answer within 3 s; ")
        b.enter(f"attach {session} -ask")
        b.until(r"^waiting for alice, \d s   Ctrl-C stop$")
        a.enter("letin bob")
        b.until(at_prompt)
        b.until(rf"^{session} {DEVICE}")
        a.until(rf"^{session} went to bob$")
        a.until(r"(?:^fireline>$|closed)")
        b.enter("shell")
        b.until(rf"^refused: shell on {DEVICE} needs advanced, you are basic")
        b.enter("exit")
        b.until(r"^fireline>$")
    asked, answered = (house.of_kind(f"take_over_{k}", session) for k in ("asked", "answered"))
    assert [r["by"] for r in asked] == ["bob", "bob"]
    assert [(r["by"], r["person"], r["let_in"]) for r in answered] == [("alice", "bob", True)]
    assert house.of_kind("attached", session)[-1]["by"] == "bob"


def test_a_no_is_told_and_a_watcher_asks_by_a_key(house: House) -> None:
    with alice(house) as a, bob(house) as b:
        session = last_session(house)
        b.enter(f"attach {session} -watch")
        b.until(r"watching .*q ends")
        b.type("a")
        a.until(rf"^bob asks to take over {session}: letin bob, or -no$")
        a.enter("letin bob -no")
        b.until(r"refused: alice does not let you into")
        a.enter("letin carol")
        a.until(rf"^failed: carol does not ask to take over {session}")
        b.type("a")
        b.until(r"alice is asked to let you in")
        a.enter("letin bob")
        b.until(rf"^{session} {DEVICE}, away ")
        b.enter("exit")
        b.until(r"^fireline>$")
