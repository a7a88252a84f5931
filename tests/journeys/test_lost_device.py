"""A device that falls silent in the middle of a command, as its responder sees it (console.md)."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from server.audit.chunks import Kind, Reader
from tests.journeys.rig import House, Shim, until
from tests.journeys.screen import Screen
from tests.journeys.sshfs_mount import Mount, sshfs_mount

pytestmark = [pytest.mark.needs("ssh", "sshfs"), pytest.mark.timeout(150)]

DEVICE = "web-02"
NEEDLES, FOLDERS = 20, 4000
DIAL_S = 6
# The defaults are met by k30's half-open line.
LIMITS = {"reserve_bytes": 1 << 20, "beat_s": 2.5, "stream_dial_s": DIAL_S}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("lost") / "house", LIMITS) as house:
        house.enrol(DEVICE)
        yield house


@pytest.fixture(autouse=True)
def shim(house: House) -> Shim:
    """The device, which one of the tests kills."""
    shim = house.shims[DEVICE]
    if shim.process is None or shim.process.poll() is not None:
        house.start_shim(DEVICE)
    return shim


@pytest.fixture(scope="module")
def hay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mount]:
    """A mounted tree with a needle in some folders: its walk can be held at any moment."""
    work = tmp_path_factory.mktemp("hay")
    with sshfs_mount(work) as hay:
        for number in range(FOLDERS):
            folder = hay.source / f"d{number:04}"
            folder.mkdir()
            if number % (FOLDERS // NEEDLES) == 0:
                (folder / f"needle-{number}").touch()
        yield hay


@pytest.fixture(autouse=True)
def heard(hay: Mount) -> Iterator[None]:
    yield
    hay.speak()


class Silent:
    """The whole shim, stopped: its kernel still takes what is sent to it."""

    def __init__(self, shim: Shim) -> None:
        self._pids = [shim.supervisor.pid, *(worker.pid for worker in shim.workers())]

    def __enter__(self) -> "Silent":
        for pid in self._pids:
            os.kill(pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGCONT)


def needles() -> range:
    return range(0, FOLDERS, FOLDERS // NEEDLES)


def rows(house: House) -> list[str]:
    """The names that the first command of the session has found, as its result file holds them."""
    path = house.home / "results" / house.sessions()[-1] / "1.res"
    if not path.exists():
        return []
    found = [msgspec.json.decode(c.data) for c in Reader(path) if c.kind is Kind.ROW]
    return [Path(row["path"]).name for row in found]


def find(s: Screen, house: House, hay: Mount, ending: str = "") -> None:
    """Types it; returns in the middle of the walk, which goes on when the mount speaks again."""
    s.until(rf"^{DEVICE} .*>$")
    s.enter(f"findfile needle-* -path {hay.place}{ending}")
    until("it has found something", lambda: rows(house))
    hay.silence("far")
    assert len(rows(house)) < NEEDLES, "the walk was over before it could be held"


def test_what_had_not_started_yet_waits_behind_and_says_what_became_of_it(
    house: House, shim: Shim, hay: Mount
) -> None:
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        find(s, house, hay, " &")
        s.until(rf"^{DEVICE} \[1 job\] />$")
        with Silent(shim):  # no worker waits for a second command
            s.enter("dir /")
            s.until(rf"^waiting for {DEVICE}, \d s   Ctrl-C stop$")
            shim.supervisor.kill()
            s.until(
                rf"^{DEVICE} lost \d\d:\d\d:\d\dZ; dir had not started there, job 2 waits for it$",
                seconds=5,
            )
            s.until(rf"^{DEVICE} \[lost, \d jobs?\] />$")
            s.until(
                rf"^job 2 failed: dir could not start on {DEVICE}: not dialled within {DIAL_S} s",
                30,
            )
        s.type("\x03")
        s.enter("exit")
        s.status(30)


def test_what_runs_in_front_goes_on_behind_and_no_row_is_missed(house: House, hay: Mount) -> None:
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        find(s, house, hay)
        with Silent(house.shims[DEVICE]):
            s.until(
                rf"^{DEVICE} lost \d\d:\d\d:\d\dZ; findfile goes on there as job 1$", seconds=30
            )
            s.until(rf"^{DEVICE} \[lost,? 1 job\] />$")
            s.enter("dir /")
            s.until(rf"^unreachable: {DEVICE} is offline")
            s.type("help wh")  # what is typed stays
        back = s.until(rf"^{DEVICE} back .*$", seconds=30)
        assert re.search(
            rf"^{DEVICE} back \d\d:\d\d:\d\dZ, after \d+ s; job 1 runs, no row was missed$",
            back, re.MULTILINE,
        ), back  # fmt: skip
        s.until(rf"^{DEVICE} \[1 job\] /> help wh$")
        hay.speak()
        s.until(rf"^job 1 completed: findfile on {DEVICE}, {NEEDLES} rows, ", seconds=90)
        assert sorted(rows(house)) == sorted(f"needle-{n}" for n in needles())
        s.type("\x03")
        s.enter("exit")
        s.status(30)


def test_what_is_kept_as_evidence_goes_on_behind_too(house: House, hay: Mount) -> None:
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        find(s, house, hay, " > found.txt")
        with Silent(house.shims[DEVICE]):
            s.until(
                rf"^{DEVICE} lost \d\d:\d\d:\d\dZ; findfile goes on there as job 1$", seconds=30
            )
            s.until(rf"^{DEVICE} \[lost,? 1 job\] />$")
        s.until(rf"^{DEVICE} back ", seconds=30)
        hay.speak()
        s.until(r"^found\.txt kept: [\d,]+ bytes, sha256 ", seconds=90)
        s.enter("exit")
        s.status(30)
    kept = house.home / "evidence" / house.sessions()[-1] / "found.txt"
    assert sum("needle-" in line for line in kept.read_text().splitlines()) == NEEDLES


def test_a_ctrl_c_while_it_is_silent_has_its_own_answer(house: House, hay: Mount) -> None:
    with Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as s:
        find(s, house, hay)
        before = len(house.of_kind("line_lost"))
        with Silent(house.shims[DEVICE]):
            s.type("\x03")
            s.until(
                rf"^unreachable: {DEVICE} does not answer; the stop goes out when it is back, "
                r"job 1$",
                seconds=20,
            )
            s.until(rf"^{DEVICE} lost \d\d:\d\d:\d\dZ: silent$", seconds=30)
            hay.speak()  # else the kernel has it, and the answer is another
        s.until(rf"^{DEVICE} back ", seconds=30)
        s.until(rf"^job 1 cancelled: findfile stopped on {DEVICE} while running", seconds=20)
        assert len(house.of_kind("line_lost")) == before + 1, (
            "what went to it before its welcome cost a line"
        )
        s.enter("exit")
        s.status(30)
