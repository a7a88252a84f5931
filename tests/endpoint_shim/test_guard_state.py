"""What is wanted and what is: kept whole, merged by generation, told once."""

import itertools
from pathlib import Path

import msgspec
import pytest

from commands.language.wire_contain import Contained, Isolate, Isolated, Restrict, Seen, Want
from endpoint_shim import durable, guard_state
from endpoint_shim.guard_state import Clock, Force, Kept, Record


def isolate(generation: int, scope: str = "full") -> Want:
    return Want(isolation=Isolate(generation=generation, scope=scope))  # type: ignore[arg-type]


def test_of_each_kind_the_highest_generation_wins_in_every_order() -> None:
    """isolate, isolate, release, release, and a restriction beside them: 120 orders, each twice."""
    wishes = [
        isolate(1), isolate(2), isolate(3, "none"), isolate(4, "none"),
        Want(restriction=Restrict(generation=7, on=True), places=("b:1",)),
    ]  # fmt: skip
    for order in itertools.permutations(wishes):
        now = Want()
        for wish in (*order, *order):
            now = guard_state.merged(now, wish)
        assert now.isolation == Isolate(generation=4, scope="none")
        assert now.restriction == Restrict(generation=7, on=True)
        assert now.places == ("b:1",)


def test_a_wish_is_on_the_disk_when_it_is_taken(tmp_path: Path) -> None:
    guard_state.want(tmp_path, isolate(3))
    guard_state.want(tmp_path, isolate(2, "none"))
    assert guard_state.wanted(tmp_path).isolation == Isolate(generation=3, scope="full")
    assert (tmp_path / guard_state.WANTED).stat().st_mode & 0o777 == 0o600


def test_no_guard_is_needed_where_nothing_was_ever_wanted(tmp_path: Path) -> None:
    assert not guard_state.is_needed(tmp_path)
    assert guard_state.contained(tmp_path) is None


@pytest.mark.parametrize(
    ("answer", "needed"),
    [
        (Isolated(generation=0), True),
        (Isolated(generation=3, stage="converging"), True),
        (Isolated(generation=3, stage="failed"), False),
        (Isolated(generation=3, ended_by="ttl"), False),
        (Isolated(generation=4), False),
    ],
)
def test_a_guard_is_needed_until_the_wish_is_answered(
    answer: Isolated, needed: bool, tmp_path: Path
) -> None:
    guard_state.want(tmp_path, isolate(3))
    record = Record(tmp_path)
    record.kept.isolation = answer
    record.save()
    assert guard_state.is_needed(tmp_path) is needed


def test_a_guard_is_needed_while_anything_is_in_force_or_untold(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.kept.force = Force(generation=1, scope="full")
    record.save()
    assert guard_state.is_needed(tmp_path)
    record.kept.force = None
    record.saw("note", "something")
    record.save()
    assert guard_state.is_needed(tmp_path)
    record.told(record.kept.seen)
    assert not guard_state.is_needed(tmp_path)


def test_a_damaged_state_is_none_and_the_wish_is_put_in_force_anew(tmp_path: Path) -> None:
    guard_state.want(tmp_path, isolate(3))
    for text in (b"", b"{", b"[]", b'{"isolation": 3}', b"\xff"):
        durable.save(tmp_path / guard_state.CONTAINED, text)
        assert guard_state.load(tmp_path) == Kept()
        assert guard_state.is_needed(tmp_path)


def test_the_same_again_and_again_is_said_once_and_the_oldest_go(tmp_path: Path) -> None:
    record = Record(tmp_path)
    for _ in range(100):
        record.saw("tampering", "somebody flushed the rules")
    assert len(record.kept.seen) == 1
    for number in range(500):
        record.saw("blocked", f"program {number}")
    assert len(record.kept.seen) == guard_state.MAX_KEPT
    assert record.kept.seen[-1].text == "program 499"


def test_all_that_it_says_fits_into_a_message_whatever_programs_call_themselves(
    tmp_path: Path,
) -> None:
    record = Record(tmp_path)
    for number in range(guard_state.MAX_KEPT):
        record.saw("blocked", f"{number}" + "\x1b\U0001f600" * 4000)
    record.kept.isolation = Isolated(generation=1, table="x" * 4096, error="é" * 2000)
    assert len(msgspec.json.encode(record.contained())) < 60_000


def test_told_is_what_was_told_and_nothing_that_came_meanwhile(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.saw("note", "first")
    sent = record.contained().seen
    record.saw("note", "second")
    record.told(sent)
    assert [one.text for one in record.kept.seen] == ["second"]
    assert [one.text for one in guard_state.load(tmp_path).seen] == ["second"]


def test_a_broker_that_asks_while_no_guard_runs_hears_what_was(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.kept.isolation = Isolated(generation=5, stage="failed", error="no broker")
    record.kept.seen = (Seen(at_ms=1, kind="note", text="x"),)
    record.save()
    assert guard_state.contained(tmp_path) == Contained(
        isolation=Isolated(generation=5, stage="failed", error="no broker")
    )


def test_a_clock_that_is_set_back_goes_on_where_it_was() -> None:
    seen = Clock(wall_ms=1_000_000, boot_s=50.0)
    assert seen.now_ms(wall_ms=0, boot_s=60.0) == 1_010_000
    assert seen.now_ms(wall_ms=2_000_000, boot_s=60.0) == 2_000_000
    assert seen.now_ms(wall_ms=0, boot_s=5.0) == 1_005_000  # the system was started since
