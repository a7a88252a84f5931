"""Tab at a device's console: paths and pids of the device, journaled, and never waited for long."""

import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest

from server.audit.records import CommandTyped, SessionEnded
from tests.doors.rig import RULES, Rig
from tests.journeys.screen import Screen
from tests.journeys.test_console_journey import on_screen


async def typed(rig: Rig) -> list[str]:
    """What the journals of sessions say was typed, the completions among it."""
    assert rig.broker is not None
    return [
        record.body.line
        for summary in await rig.broker.journal.sessions()
        async for record in rig.broker.journal.records(summary.session)
        if isinstance(record.body, CommandTyped)
    ]


def tab(s: Screen, text: str, pattern: str) -> None:
    """Types, and Tab until it is there: what comes too late for one menu serves the next."""
    s.type(text)
    for _ in range(20):
        s.type("\t")
        with contextlib.suppress(AssertionError):
            s.until(pattern, 1.0)
            return
    raise AssertionError(s.text)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with names that need quotes, raw form, or neither."""
    place = tmp_path / "p"
    (place / "only folder").mkdir(parents=True)
    (place / "only folder" / "deep.txt").write_text("deep and found\n")
    (place / "file.txt").write_text("twelve bytes")
    Path(os.fsdecode(bytes(place) + b"/i\xffj")).write_bytes(b"raw one\n")
    return place


async def test_tab_completes_paths_through_folders_with_blanks(house: Rig, place: Path) -> None:
    def play(s: Screen) -> None:
        s.until(r"^web-01 />")
        s.enter(f"cd {place}")
        s.until(r"p>$")
        tab(s, "cat on", r"p> cat 'only folder/'$")
        tab(s, "de", r"only folder/deep\.txt'$")
        s.type(" \r")  # the blank: Enter on a menu's entry only puts it on the line
        s.until(r"^deep and found$")
        tab(s, "cat ", r"raw:\S*i%FFj +8 bytes")
        s.until(r"file\.txt +12 bytes")
        s.type("\x03")
        s.enter("log")
        s.until(r"completed  Tab: dir ")

    await on_screen(house, play, "connect", "web-01", columns=120)
    lines = await typed(house)
    assert lines.count("Tab: dir") == 1  # kept for 10 s
    assert sum(line.startswith("Tab: dir ") for line in lines) == 1


async def test_cd_is_offered_folders_and_processes_pids(house: Rig, place: Path) -> None:
    pid = os.getpid()

    def play(s: Screen) -> None:
        s.until(r"^web-01 />")
        tab(s, f"cd {place}/", r"only folder/'$")
        s.type("\x03")
        tab(s, f"processes {str(pid)[:-1]}", rf"processes {pid}$|^ *{pid} ")
        s.type(f"\x03processes {pid}\r")
        s.until(rf"^pid +{pid}$")

    await on_screen(house, play, "connect", "web-01", columns=150)


async def test_who_may_not_list_asks_nothing_of_the_device(house: Rig, place: Path) -> None:
    house.write_access(rules=RULES.replace("devices: all\n", "devices: all\n    deny: [dir]\n", 1))
    assert house.broker is not None
    await house.broker.access.reload_if_changed()

    def play(s: Screen) -> None:
        s.until(r"^web-01 />")
        s.type(f"cat {place}/\t")
        s.enter("file.txt")
        s.until(r"^twelve bytes")

    await on_screen(house, play, "connect", "web-01", columns=150)
    assert not [line for line in await typed(house) if line.startswith("Tab")]


async def test_a_device_that_does_not_answer_holds_up_no_key(house: Rig, place: Path) -> None:
    def shims() -> list[psutil.Process]:
        return [
            p for p in psutil.Process().children(recursive=True) if "endpoint_shim" in p.cmdline()
            or "endpoint_shim.worker" in p.cmdline()
        ]  # fmt: skip

    def play(s: Screen) -> None:
        s.until(r"^web-01 />")
        s.enter("pwd")
        s.until(r"^/$")
        stopped = shims()
        for process in stopped:
            process.suspend()
        try:
            s.type(f"cat {place}/f\tile.txt")
            s.until(r"/file\.txt$")
            s.type("\x03")
            s.type("help")
            s.until(r"> help$")
        finally:
            for process in stopped:
                process.send_signal(signal.SIGCONT)

    await on_screen(house, play, "connect", "web-01", columns=150)


async def of_tab(rig: Rig) -> list[tuple[str, ...]]:
    """The sessions that Tab opened: on which device, and why they ended."""
    assert rig.broker is not None
    found = []
    for summary in await rig.broker.journal.sessions():
        bodies = [record.body async for record in rig.broker.journal.records(summary.session)]
        lines = [body.line for body in bodies if isinstance(body, CommandTyped)]
        if lines and all(line.startswith("Tab: ") for line in lines):
            ends = [body.reason for body in bodies if isinstance(body, SessionEnded)]
            found.append((summary.device, *ends))
    return found


async def test_inside_on_paths_and_pids_of_that_device_are_offered(house: Rig, place: Path) -> None:
    pid = os.getpid()

    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        tab(s, f"on web-01 cat {place}/on", r"only folder/'$")
        tab(s, "de", r"only folder/deep\.txt'$")
        s.type(" \r")
        s.until(r"^deep and found$")
        tab(s, f"on web-01 processes {str(pid)[:-1]}", rf"processes {pid}$|^ *{pid} ")
        s.type("\x03")
        tab(s, "on web-01 getfile x -a", r"getfile x -auto$")
        s.type("\x03")

    await on_screen(house, play, columns=150)
    assert house.broker is not None
    for session in list(house.broker.sessions.live.values()):
        await session.ended.wait()
    assert await of_tab(house) == [("web-01", "Tab has no more questions")] * 2


async def test_no_session_is_opened_by_a_key_where_a_comment_is_wanted(
    house: Rig, place: Path
) -> None:
    house.write_access(
        rules=RULES.replace("devices: all\n", "devices: all\n    comment: required\n", 1)
    )
    assert house.broker is not None
    await house.broker.access.reload_if_changed()

    def play(s: Screen) -> None:
        s.until(r"^fireline>")
        s.type(f"on web-01 cat {place}/f\t\t")
        tab(s, "\x03on web-01 getf", r"on web-01 getfile$")
        s.type("\x03")

    await on_screen(house, play, columns=150)
    assert await of_tab(house) == []
