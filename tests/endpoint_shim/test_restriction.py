"""Restriction as the guard holds it, over a restrictor that the test ends and fills.

The double stands for the system's own means (fanotify, App Control), which have their own tests
with the real thing; here is when they are asked, and what the broker hears.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from commands.language.errors import Failed, Refused
from commands.language.wire_contain import Restrict, Restricted, Seen
from endpoint_shim import children, contain, edges, guard_state, restriction
from endpoint_shim.guard_state import Record
from endpoint_shim.restriction import Restriction
from endpoint_shim.restrictor import Known, Proof
from tests.endpoint_shim.authority import Authority


class Double:
    """endpoint_shim.restrictor.Restrictor, without a system under it."""

    def __init__(self) -> None:
        self.on = False
        self.fails = ""
        self.starts = 0
        self.happened: list[Seen] = []

    def start(self, known: Known) -> Proof:
        if self.fails:
            raise Failed(self.fails)
        self.on, self.starts = True, self.starts + 1
        return Proof("double, which knows 3 programs", "d" * 64, ("it cannot see libraries",))

    def stop(self) -> None:
        self.on = False

    def leave(self) -> None:
        self.on = False

    def alive(self) -> bool:
        return self.on

    def seen(self) -> Sequence[Seen]:
        found, self.happened = self.happened, []
        return found


class Held:
    """One guard's life with it."""

    def __init__(self, state: Path, double: Double, refuses: str = "") -> None:
        def check_word(word: str) -> None:
            if word == refuses:
                raise Refused(f"{word} on web-01 by its own policy")

        self.record = Record(state)
        self.restriction = Restriction(self.record, lambda: double, Known(()), check_word)

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.record.kept.seen]


@pytest.fixture
def double() -> Double:
    return Double()


ON, OFF = Restrict(generation=1, on=True), Restrict(generation=2, on=False)


async def test_it_is_put_in_force_proven_and_taken_back(tmp_path: Path, double: Double) -> None:
    held = Held(tmp_path, double)
    await held.restriction.turn(ON)
    now = held.record.kept.restriction
    assert (now.generation, now.stage, now.on, now.by) == (
        1, "done", True, "double, which knows 3 programs",
    )  # fmt: skip
    assert now.proof_sha256 == "d" * 64 and "it cannot see libraries" in held.texts
    await held.restriction.turn(OFF)
    now = held.record.kept.restriction
    assert (now.generation, now.stage, now.on) == (2, "done", False) and not double.on
    await held.restriction.turn(ON)  # late, and changes nothing
    assert not double.on


async def test_an_enforcer_that_died_is_back_at_the_next_turn_and_it_is_told(
    tmp_path: Path, double: Double
) -> None:
    held = Held(tmp_path, double)
    await held.restriction.turn(ON)
    double.on = False
    double.happened = [Seen(at_ms=1, kind="started", text="/tmp/evil ran meanwhile")]
    await held.restriction.turn(ON)
    now = held.record.kept.restriction
    assert double.on and (now.broken, now.restarts) == (False, 1)
    assert "restriction broken: what enforced it had ended" in held.texts
    assert "/tmp/evil ran meanwhile" in held.texts


async def test_while_it_cannot_be_put_back_it_is_broken_and_tried_each_turn(
    tmp_path: Path, double: Double
) -> None:
    held = Held(tmp_path, double)
    await held.restriction.turn(ON)
    double.on, double.fails = False, "no enforcer answers"
    for _ in range(3):
        await held.restriction.turn(ON)
        now = held.record.kept.restriction
        assert now.on and now.broken and now.error == "no enforcer answers"
    double.fails = ""
    await held.restriction.turn(ON)
    now = held.record.kept.restriction
    assert (now.broken, now.error, now.restarts) == (False, "", 1)


async def test_what_never_came_in_force_failed_and_is_not_tried_again(
    tmp_path: Path, double: Double
) -> None:
    double.fails = "this kernel has no fanotify"
    held = Held(tmp_path, double)
    await held.restriction.turn(ON)
    now = held.record.kept.restriction
    assert (now.stage, now.on, now.error) == ("failed", False, "this kernel has no fanotify")
    double.fails = ""
    await held.restriction.turn(ON)
    assert not double.on


async def test_the_next_guard_puts_it_in_force_again(tmp_path: Path, double: Double) -> None:
    await Held(tmp_path, double).restriction.turn(ON)
    double.on = False  # it ended with the guard
    held = Held(tmp_path, double)
    await held.restriction.start()
    assert double.on and held.record.kept.restriction.restarts == 0


async def test_one_that_was_killed_while_it_was_put_in_force_begins_again(
    tmp_path: Path, double: Double
) -> None:
    held = Held(tmp_path, double)
    held.record.kept.restriction = Restricted(generation=1, stage="converging")
    held.record.save()
    held = Held(tmp_path, double)
    await held.restriction.start()
    await held.restriction.turn(ON)
    assert double.on and held.record.kept.restriction.stage == "done"


@pytest.mark.parametrize(("word", "first"), [("restrict", None), ("unrestrict", ON)])
async def test_the_devices_policy_forbids_it(
    word: str, first: Restrict | None, tmp_path: Path, double: Double
) -> None:
    held = Held(tmp_path, double, refuses=word)
    if first is not None:
        await held.restriction.turn(first)
    before = double.on
    await held.restriction.turn(ON if first is None else OFF)
    now = held.record.kept.restriction
    assert (now.stage, double.on, now.on) == ("failed", before, before)
    assert f"{word} on web-01 by its own policy" in now.error


async def test_a_guard_that_ends_in_order_leaves_nothing_held_back(
    tmp_path: Path, double: Double
) -> None:
    held = Held(tmp_path, double)
    await held.restriction.turn(ON)
    await held.restriction.close()
    assert not double.on


async def test_who_administers_the_device_ends_it_where_no_shim_runs(
    tmp_path: Path, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = Authority().enrol(tmp_path / "state", "127.0.0.1:1")
    monkeypatch.setattr(edges, "restrictor", lambda _: double)
    held = Held(state, double)
    await held.restriction.turn(ON)
    guard = children.hold(state, guard_state.LOCK)
    with pytest.raises(Refused, match="the shim of web-01 runs"):
        contain.unrestrict(state)
    os.close(guard)
    assert double.on
    assert "until its broker restricts it anew" in contain.unrestrict(state)
    assert not double.on
    assert contain.unrestrict(state) == "web-01 is not restricted"
    # The next shim does not begin again what it had answered, and tells what became of it.
    after = Held(state, double)
    await after.restriction.start()
    await after.restriction.turn(ON)
    assert not double.on and "its restriction was ended on the device" in after.texts[-1]


@pytest.mark.parametrize("notice", ["Only known programs start.", ""])
async def test_who_is_signed_in_is_told_of_what_was_stopped_at_most_once_a_minute(
    tmp_path: Path, double: Double, monkeypatch: pytest.MonkeyPatch, notice: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr(edges, "notify", told.append)
    held = Held(tmp_path, double)
    wanted = Restrict(generation=1, on=True, notice=notice)

    async def stopped(*programs: str) -> list[str]:
        double.happened = [
            Seen(at_ms=0, kind="blocked", text=f"{name} was not started") for name in programs
        ]
        await held.restriction.turn(wanted)
        if held.restriction._notice is not None:
            await held.restriction._notice
        return told[bool(notice) :]

    await stopped()
    first = "Your security team lets only known programs start: /tmp/a was not started."
    assert await stopped("/tmp/a") == ([first] if notice else [])
    assert await stopped("/tmp/b", "/tmp/c") == ([first] if notice else [])
    held.restriction._told_at -= restriction.TELL_AGAIN_S
    second = f"{first.replace('/tmp/a', '/tmp/b')[:-1]}, and 1 more."
    assert await stopped() == ([first, second] if notice else [])
