"""Budgets: who reaches one is ended with a recorded reason, and nobody else notices."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.journeys.rig import House, until
from tests.journeys.screen import Screen
from tests.journeys.waited import delay_of

pytestmark = [pytest.mark.needs("ssh"), pytest.mark.timeout(120)]

DEVICE = "full-01"
MIB = 1 << 20
LIMITS = {
    "reserve_bytes": MIB,
    "left_open_s": 1,
    "recording_bytes": MIB // 2,
    "results_bytes": 2 * MIB,
    "evidence_bytes": 3 * MIB,
    "file_bytes": 2 * MIB,
    "sparse_bytes": 64 * MIB,
}
ENDLESS = "#!/bin/sh\necho $$ > $1\nexec yes\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("full") / "house", LIMITS) as house:
        assert house.run("library add endless.sh", stdin=ENDLESS.encode()).status == 0
        house.start_shim(DEVICE)
        yield house


def on_device(house: House) -> list[str]:
    return [s["session"] for s in house.of_kind("session_begun") if s["device"] == DEVICE]


def in_shell(s: Screen) -> bool:
    return bool(re.search(r"[#$]$", s.lines[s.screen.cursor.y]))


def turned(calm: Screen, turn: int) -> None:
    """A line typed, and back from the device."""
    calm.enter(f"turn-{turn}")
    calm.until(rf"^turn-{turn}$")


def test_yes_in_a_shell_ends_its_session_and_delays_nobody(house: House) -> None:
    with (
        Screen(house.ssh(f"shell {DEVICE}", "-tt"), columns=120) as calm,
        Screen(house.ssh(f"connect {DEVICE}", "-tt"), columns=120) as flood,
    ):
        assert house.broker is not None
        calm.until(in_shell)
        under = [house.broker.pid, calm.pid, *(p.pid for p in house.shims[DEVICE].workers())]
        calm.enter("stty -echo; cat")
        flood.until(rf"^{DEVICE} .*>$")
        noisy = on_device(house)[-1]
        flood.enter("shell")
        flood.until(in_shell)
        flood.enter("yes")
        slowest, turn = 0.0, 0
        while not re.search(r"^refused: ", flood.text, re.MULTILINE):
            flood.read(0)
            slowest = max(slowest, delay_of(partial(turned, calm, turn), *under))
            turn += 1
        assert turn > 3 and slowest < 1.0, (turn, slowest)
        assert flood.status(30) == 3
        refusal = f"refused: the recording of {noisy} reached its budget of 524,288 bytes"
        assert refusal in flood.lines
        calm.type("\x03")
        calm.until(in_shell)
        calm.enter("exit 5")
        assert calm.status() == 5
    (shell,) = [r for r in house.of_kind("ended", noisy) if "budget" in r["message"]]
    assert (shell["state"], shell["status"]) == ("failed", 3)
    (ended,) = house.of_kind("session_ended", noisy)
    assert "reached its budget" in ended["reason"]
    assert ended["recording_bytes"] <= MIB // 2 + 4096
    status, said = house.admin(f"verify {noisy}")
    assert status == 0, said
    shim = house.shims[DEVICE]
    until("nothing is left on the device", lambda: not shim.left(), 20)


def test_endless_output_ends_its_command_and_not_its_session(house: House, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    lines = f"run endless.sh {pid}\npwd\nprocesses -name no-such-program\n".encode()
    ran = house.run(f"connect {DEVICE}", stdin=lines)
    assert "the session's results reached their budget of 2,097,152 bytes" in ran.err
    session = on_device(house)[-1]
    first = next(r for r in house.of_kind("ended", session) if r["number"] == 1)
    assert first["status"] == 3 and first["state"] == "failed"
    assert "reached their budget" in first["message"]
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
    assert "\n/\n" in ran.out or ran.out.endswith("/\n"), ran.out[-100:]
    again = house.run(f"on {DEVICE} dir /")
    assert again.status == 0 and "/tmp" in again.out


def test_evidence_over_the_budget_is_refused_for_this_session_alone(
    house: House, tmp_path: Path
) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode() * MIB)
    (tmp_path / "b").write_bytes(b"b" * (MIB * 3 // 2))
    lines = "".join(f"getfile {tmp_path}/{name}\n" for name in "abc").encode()
    ran = house.run(f"connect {DEVICE}", stdin=lines)
    session = on_device(house)[-1]
    assert ran.status == 3
    refusal = f"the evidence of {session} has reached 3,145,728 bytes"
    assert refusal in ran.err
    taken = [r["name"] for r in house.of_kind("evidence_taken", session)]
    assert taken == ["a", "b"]
    assert sorted(p.name for p in (house.home / "evidence" / session).iterdir()) == ["a", "b"]
    assert refusal in house.of_kind("ended", session)[-1]["message"]
    assert house.run(f"on {DEVICE} getfile {tmp_path}/c").status == 0


def test_a_file_over_its_limit_is_refused_before_its_first_byte(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(b"x" * (2 * MIB + 1))
    ran = house.run(f"on {DEVICE} getfile {tmp_path}/large")
    assert ran.status == 3
    assert re.search(
        r"^refused: .*/large has 2,097,153 bytes, at most 2,097,152 are taken; nothing was "
        r"transferred", ran.err,
    ), ran.err  # fmt: skip
    session = on_device(house)[-1]
    folder = house.home / "evidence" / session
    assert not folder.exists() or not list(folder.iterdir())
    assert not list((house.home / "evidence" / "incoming").iterdir())


def test_a_sparse_file_has_a_limit_for_its_data_and_one_for_its_whole(
    house: House, tmp_path: Path
) -> None:
    """A hash over 100 TB of nothing would take days on both sides."""
    for name, size, data in (
        ("fits", 64, 1),
        ("full", 64, 3),
        ("wide", 65, 1),
        ("huge", 1 << 20, 1),
    ):
        with (tmp_path / name).open("wb") as file:
            file.write(b"x" * (data * MIB))
            file.truncate(size * MIB)
    assert house.run(f"on {DEVICE} getfile {tmp_path}/fits").status == 0
    (taken,) = house.of_kind("evidence_taken", on_device(house)[-1])
    assert (taken["bytes"], taken["holes"]) == (64 * MIB, 63 * MIB)
    for name, said in (
        ("full", "3,145,728 bytes of data in its 67,108,864, at most 2,097,152 are taken"),
        ("wide", "68,157,440 bytes with its holes, at most 67,108,864 are taken"),
        ("huge", "1,099,511,627,776 bytes with its holes, at most 67,108,864 are taken"),
    ):
        ran = house.run(f"on {DEVICE} getfile {tmp_path}/{name}")
        assert (ran.status, f"/{name} has {said}; nothing was transferred" in ran.err) == (3, True)
        assert not house.of_kind("evidence_partial", on_device(house)[-1])
