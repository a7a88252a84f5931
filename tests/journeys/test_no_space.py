"""A broker whose disk fills: no session opens, what runs ends with the reason, and it recovers.

The rig is trusted because the broker in `broken/`, broken on purpose, fails it.
"""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.rig import House, until
from tests.journeys.screen import Screen

pytestmark = [
    pytest.mark.needs("ssh"),
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root"),
]

DEVICE = "space-01"
MIB = 1 << 20
RESERVE = 32 * MIB
WHY = "the journal has no space left; an operator makes room"
REFUSAL = (
    r"^refused: no session can open, the journal has \d+ MiB free and must keep 32; an operator "
    r"makes room; devices and actions can still be read$"
)

BROKEN = Path(__file__).parent / "broken" / "keeps_no_reserve.py"
NO_RECORD = "refused: the broker's disk is full and takes no record of it; an operator makes room"


class Disk:
    """64 MiB that a test fills and empties."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    @property
    def free(self) -> int:
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int) -> None:
        with self._filler.open("ab") as filler:
            filler.write(bytes(max(0, self.free - leave)))

    def brim(self) -> None:
        """Fills it to its last byte, whoever else writes there."""
        with self._filler.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(65_536)):
                pass

    def empty(self) -> None:
        self._filler.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    place = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", place], check=True)
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture(scope="module")
def house(disk: Disk) -> Iterator[House]:
    with House(disk.place / "house", {"reserve_bytes": RESERVE, "left_open_s": 60}) as house:
        house.start_shim(DEVICE)
        yield house


@pytest.fixture(autouse=True)
def room(disk: Disk) -> Iterator[None]:
    """Room at each test's beginning and end."""
    yield
    disk.empty()


def console(house: House, *first: str) -> Screen:
    argv = house.ssh(first[0] if first else "", "-tt")
    return Screen(argv if first else argv[:-1], columns=160)


def at_prompt(s: Screen) -> bool:
    return bool(re.match(rf"{DEVICE} .*>$", s.lines[s.screen.cursor.y]))


def brimmed(house: House, disk: Disk) -> bool:
    """Whether the broker has given back what it held; that is filled too."""
    disk.brim()
    return not (house.home / "ballast").exists()


def at_desk(s: Screen) -> bool:
    return s.lines[s.screen.cursor.y] == "fireline>"


def below_the_reserve_none_opens(house: House, disk: Disk) -> None:
    disk.fill(RESERVE - 4 * MIB)
    ran = house.run(f"on {DEVICE} dir /")
    assert ran.status == 3 and re.search(REFUSAL, ran.err, re.MULTILINE), ran


def test_below_the_reserve_no_session_opens_and_devices_can_be_read(
    house: House, disk: Disk
) -> None:
    below_the_reserve_none_opens(house, disk)
    with console(house) as s:
        s.until(at_desk)
        s.enter(f"connect {DEVICE}")
        s.until(REFUSAL)
        s.enter("devices -output csv")
        s.until(rf"^{DEVICE},")
        disk.empty()
        s.enter(f"connect {DEVICE}")
        s.until(rf"^{DEVICE} open as S\d+")
        s.until(at_prompt)
        s.enter("exit")
        s.until(at_desk)
        s.type("\x04")
        assert s.status() == 0
    assert house.run(f"on {DEVICE} pwd").status == 0


def test_what_runs_when_it_fills_ends_with_the_reason(house: House, disk: Disk) -> None:
    with console(house) as s:
        s.until(at_desk)
        s.enter(f"connect {DEVICE}")
        s.until(at_prompt)
        session = house.sessions()[-1]
        s.enter("findfile *.no-such -path / &")
        s.until(r"^job 1 runs behind")
        s.enter("shell")
        s.until(lambda s: bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y])))
        s.enter("sleep 1000")
        disk.fill(RESERVE - 4 * MIB)
        s.until(rf"^{session} has ended: {WHY}$", 20)
        s.until(at_desk)
        s.enter("devices -output csv")
        s.until(rf"^{DEVICE},")
        s.type("\x04")
        s.status()
    (ended,) = house.of_kind("session_ended", session)
    assert ended["reason"] == WHY
    ends = house.of_kind("ended", session)
    assert {r["state"] for r in ends} <= {"cancelled", "completed"} and len(ends) == 2
    disk.empty()
    status, said = house.admin(f"verify {session}")
    assert status == 0, said
    shim = house.shims[DEVICE]
    until("nothing is left on the device", lambda: not shim.left(), 20)


def test_a_disk_that_somebody_fills_to_its_last_byte_ends_sessions_and_not_the_broker(
    house: House, disk: Disk
) -> None:
    until("room is held", lambda: (house.home / "ballast").exists(), 10)
    with console(house) as s:
        s.until(at_desk)
        s.enter(f"connect {DEVICE}")
        s.until(at_prompt)
        session = house.sessions()[-1]
        s.enter("shell")
        s.until(lambda s: bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y])))
        s.enter("while :; do echo again; done")
        disk.brim()
        s.until(rf"{session} has ended: |recording cannot be written", 20)
        until("its end is recorded", lambda: house.of_kind("session_ended", session), 20)
        for _ in range(3):
            status, said = house.admin("devices -output csv")
            assert (status, f"\n{DEVICE}," in said) == (0, True), said
        ran = house.run(f"on {DEVICE} pwd")
        assert ran.status == 3 and re.search(REFUSAL, ran.err, re.MULTILINE), ran
        assert house.broker is not None and house.broker.poll() is None
        disk.empty()
        until("sessions open again", lambda: house.run(f"on {DEVICE} pwd").status == 0, 10)
        until("room is held again", lambda: (house.home / "ballast").exists(), 10)
    status, said = house.admin(f"verify {session}")
    assert status == 0, said


def refused(house: House, disk: Disk) -> str:
    """Logs in while nothing is left of the disk; the last that it was told. Nothing, where the
    store had room left within its own files."""
    disk.brim()
    ran = house.run("devices")
    assert ran.status == 3 or (ran.status, ran.err) == (0, ""), ran
    return "".join(ran.err.splitlines()[-1:])


def test_a_disk_that_stays_full_makes_records_wait_and_a_stop_end(disk: Disk) -> None:
    with House(disk.place / "alone", {"reserve_bytes": RESERVE}) as house:
        until("room is held", lambda: (house.home / "ballast").exists(), 10)
        for _ in range(3):
            until("what was held has gone", lambda: brimmed(house, disk), 10)
        refusing = lambda: brimmed(house, disk) and house.admin("devices")[0] == 3  # noqa: E731
        until("nothing can be recorded: refused, not hung", refusing, 20)
        until("a login finds no room for its record", lambda: NO_RECORD in refused(house, disk), 60)
        began = time.monotonic()
        assert refused(house, disk) == NO_RECORD
        assert time.monotonic() - began < 10, "it waited for space, and not a moment"
        assert house.broker is not None and house.broker.poll() is None
        disk.empty()
        assert "no device" in house.run("devices").out or house.run("devices").status == 0
        until("what was held has gone", lambda: brimmed(house, disk), 10)
        disk.brim()
        house.broker.terminate()
        assert house.broker.wait(20) in (0, 1)


def test_a_flood_that_fills_it_ends_and_the_broker_stays(house: House, disk: Disk) -> None:
    until("room is held", lambda: (house.home / "ballast").exists(), 10)
    disk.fill(RESERVE + 256 * 1024)
    argv = house.ssh(f"shell {DEVICE}", "-tt")
    ran = subprocess.run(argv, input=b"yes\n", capture_output=True, timeout=30, check=False)
    session = house.sessions()[-1]
    assert f"by its session's end ({WHY}), " in " ".join(ran.stdout.decode().split())
    assert disk.free > RESERVE // 4
    disk.empty()
    assert house.run(f"on {DEVICE} pwd").status == 0
    status, said = house.admin(f"verify {session}")
    assert status == 0, said


def test_a_broker_that_keeps_no_reserve_is_caught(disk: Disk) -> None:
    with House(disk.place / "broken", {"reserve_bytes": RESERVE}, program=[str(BROKEN)]) as house:
        house.start_shim(DEVICE)
        with pytest.raises(AssertionError, match="status=0"):
            below_the_reserve_none_opens(house, disk)


def test_a_getfile_that_fills_it_is_refused_and_its_part_kept(
    house: House, disk: Disk, tmp_path: Path
) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"x" * (200 * MIB))
    ran = house.run(f"on {DEVICE} getfile {big}")
    # Whoever looks first: the writer of the file, or who looks after the whole disk.
    assert ran.status in (3, 130), ran
    assert re.search(
        rf"^cancelled: getfile stopped on {DEVICE} by its session's end \({WHY}\), \d+ s; [1-9]|"
        rf"^refused: getfile on {DEVICE}: the broker has \d+ MiB free and must keep 32; an "
        "operator makes room",
        ran.err, re.MULTILINE,
    ), ran.err  # fmt: skip
    session = house.sessions()[-1]
    (part,) = house.of_kind("evidence_partial", session)
    assert (house.home / "evidence" / session / part["name"]).stat().st_size == part["bytes"]
    assert not house.of_kind("evidence_taken", session)
