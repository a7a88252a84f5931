"""A mount that does not answer, under the words that touch it: a real sshfs, stopped."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.journeys.rig import House, until
from tests.journeys.screen import Screen
from tests.journeys.sshfs_mount import Mount, sshfs_mount

pytestmark = [
    pytest.mark.needs("ssh", "sshfs", "sshd"),
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.access("/dev/fuse", os.W_OK), reason="/dev/fuse cannot be opened"),
]

DEVICE = "hung-01"
PROMPT = rf"^{DEVICE} \S*>$"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("hung") / "house", {"reserve_bytes": 1 << 20}) as house:
        house.start_shim(DEVICE)
        yield house


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    work = tmp_path / "work"
    work.mkdir()
    with sshfs_mount(work) as mount:
        yield mount


def at_prompt(s: Screen) -> bool:
    return bool(re.match(PROMPT, s.lines[s.screen.cursor.y]))


def asks(mount: Mount) -> bool:
    """Whether some worker stands in the mount's kernel side now, and sshfs knows of it."""
    return mount.asked and any(_in_fuse(p) for p in psutil.process_iter() if _is_worker(p))


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "endpoint_shim.worker_start" in process.cmdline()
    except psutil.Error:
        return False


def _in_fuse(process: psutil.Process) -> bool:
    tasks = Path(f"/proc/{process.pid}/task")
    try:
        return any("request_wait" in (task / "wchan").read_text() for task in tasks.iterdir())
    except OSError:
        return False


def stop(s: Screen, mount: Mount, line: str) -> str:
    """Types it, waits until it hangs, Ctrl-C; the answer as one line."""
    s.until(at_prompt)
    s.enter(line)
    end = time.monotonic() + 15
    while not asks(mount):
        s.read()
        assert time.monotonic() < end, f"{line} does not hang:\n{s.text}"
    answers = r"^cancelled: .*$"
    before = len(re.findall(answers, s.text, re.MULTILINE))
    s.type("\x03")
    while len(re.findall(answers, s.text, re.MULTILINE)) == before:
        s.read()
        assert time.monotonic() < end + 20, s.text
    s.until(at_prompt, 20)
    found = re.findall(answers, s.text, re.MULTILINE)
    return str(found[-1])


def console(house: House) -> Screen:
    return Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=250)


def test_a_silent_far_side_costs_one_worker_and_is_not_asked_again(
    house: House, mount: Mount
) -> None:
    place, shim = mount.place, house.shims[DEVICE]
    mount.silence("far")
    with console(house) as s:
        said = stop(s, mount, f"dir {place}")
        found = re.fullmatch(
            rf"cancelled: dir let go on {DEVICE}; pid (\d+) hangs in the kernel on {place} and "
            "ends with it; 0 rows kept, #1",
            said,
        )
        assert found is not None, said
        held = int(found[1])
        for word in ("cat", "getfile", "findfile f -path", "fileinfo"):
            began = time.monotonic()
            s.enter(f"{word} {place}{'' if word.startswith('findfile') else '/f'}")
            s.until(rf"^refused: .*: pid {held} hangs in {place}, which does not answer\b")
            assert time.monotonic() - began < 2, word
            s.type("cls\r")
            s.until(lambda s: "refused" not in s.text and at_prompt(s))
        s.enter("processes -name sshfs")
        s.until(r"^sshfs +\d+ ")
        ran = house.run(f"on {DEVICE} cat {place}/f")
        assert ran.status == 3 and f"pid {held} hangs" in ran.err
        assert psutil.pid_exists(held)
        mount.kill()
        until("what was let go is reaped", lambda: not psutil.pid_exists(held))
        s.enter("exit")
        s.status(30)
    until("nothing is left on the device", lambda: not shim.left(), 15)
    ran = house.run(f"on {DEVICE} cat {place}/f")
    assert ran.status == 1 and "failed: " in ran.err


def test_a_file_that_is_read_there_is_let_go_too(house: House, mount: Mount) -> None:
    place = mount.place
    mount.silence("far")
    with console(house) as s:
        s.until(at_prompt)
        s.enter(f"getfile {place}/f")
        s.until(rf"^looking through {place}/f  [\d.]+ s   Ctrl-C stop, Ctrl-Z behind$")
        s.type("\x03")
        said = s.until(r"^cancelled: .*$", 35)
        assert f"getfile let go on {DEVICE}; pid " in said
        assert f"hangs in the kernel on {place} and ends with it" in said
        s.enter("processes -name sshfs")
        s.until(r"^sshfs +\d+ ")
        s.type("\x04")
        s.status(30)


@pytest.mark.parametrize("word", ["dir", "cat"])
def test_a_stopped_sshfs_lets_its_asker_be_killed_and_is_refused_until_it_answers(
    house: House, mount: Mount, word: str
) -> None:
    place = mount.place
    mount.silence("sshfs")
    with console(house) as s:
        said = stop(s, mount, f"{word} {place}{'' if word == 'dir' else '/f'}")
        assert re.fullmatch(
            rf"cancelled: {word} stopped on {DEVICE} while running, "
            r"\d+ s; 0 (?:rows|bytes) kept, #1",
            said,
        ), said
        for next_word in ("cat", "dir", "getfile"):
            began = time.monotonic()
            s.enter(f"{next_word} {place}/f")
            s.until(rf"^refused: {place}/f on {DEVICE}: {place} does not answer; it is refused ")
            assert time.monotonic() - began < 2, next_word
            s.type("cls\r")
            s.until(lambda s: "refused" not in s.text and at_prompt(s))
        ran = house.run(f"on {DEVICE} cat {place}/f")
        assert ran.status == 3 and f"{place} does not answer" in ran.err
        mount.speak()
        until("it is forgotten", lambda: house.run(f"on {DEVICE} cat {place}/f").status == 0)
        s.enter(f"cat {place}/f")
        s.until(r"^far away$")
        s.type("\x04")
        s.status(30)
    until("nothing is left on the device", lambda: not house.shims[DEVICE].left(), 40)


@pytest.mark.alone  # what it meets depends on who of the kernel, sshfs and the kill comes first
def test_an_exec_whose_client_is_killed_leaves_a_session_that_ends(
    house: House, mount: Mount
) -> None:
    mount.silence("far")
    client = subprocess.Popen(
        house.ssh(f"on {DEVICE} dir {mount.place}"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until("dir hangs", lambda: asks(mount))
    client.kill()
    client.wait()
    ran = house.run(f"on {DEVICE} processes -name sshfs -output csv")
    assert ran.status == 0 and "sshfs" in ran.out

    def let_go() -> list[dict[str, Any]]:
        begun = [s["session"] for s in house.of_kind("session_begun") if s["device"] == DEVICE]
        execs = [s for s in begun if house.of_kind("session_opened", s)[0]["door"] == "exec"]
        ended = [e for s in execs for e in house.of_kind("ended", s)]
        return [e for e in ended if "hangs in the kernel on" in e["message"]]

    until("its command was let go", let_go, 30)
    hung = let_go()[-1]
    assert hung["state"] == "cancelled"
    until("its session has ended", lambda: house.of_kind("session_ended", hung["journal"]), 20)


def test_the_shim_stops_though_a_worker_hangs(house: House, mount: Mount) -> None:
    shim = house.shims[DEVICE]
    mount.silence("far")
    with console(house) as s:
        said = stop(s, mount, f"dir {mount.place}")
        found = re.search(r"pid (\d+)", said)
        assert found is not None
        assert shim.process is not None
        began = time.monotonic()
        shim.process.terminate()
        assert shim.process.wait(10) == 0
        assert time.monotonic() - began < 8
        house.start_shim(DEVICE)
        s.until(rf"^{DEVICE} back ")
        s.enter("processes -name sshfs")
        s.until(r"^sshfs +\d+ ")
        mount.kill()
        until("what hung is gone", lambda: not psutil.pid_exists(int(found[1])))
        s.type("\x04")
        s.status(30)
