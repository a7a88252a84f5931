"""Wishes and answers one at a time; test_interleavings.py has them in any order."""

import pytest

from server.actions import desired
from server.actions.desired import Wish

FULL: dict[str, object] = {"scope": "full"}
SELECTIVE: dict[str, object] = {"scope": "selective"}
NONE: dict[str, object] = {}


@pytest.mark.parametrize("orders", ["IIRR", "IRIR", "RIIR"])
def test_asked_while_the_device_is_away_the_last_word_counts(orders: str) -> None:
    wish, became = Wish(), dict[int, str]()
    for number, letter in enumerate(orders, 1):
        asked = desired.ask(wish, number, FULL if letter == "I" else NONE, on=letter == "I")
        became[number] = "already so" if asked.already else "joined" if asked.joined else "made"
        became |= dict.fromkeys(asked.superseded, "superseded")
        wish = asked.wish
    answered = desired.answer(wish, wish.generation, "done", contained=False)
    assert not answered.wish.on
    assert set(became.values()) <= {"already so", "joined", "made", "superseded"}
    assert all(became[number] in ("made", "joined") for number in answered.ended)


def test_an_error_after_it_was_so_undoes_nothing() -> None:
    """Velociraptor #2432: an unrelated error soon after removed the quarantine."""
    asked = desired.ask(Wish(), 1, FULL, on=True)
    done = desired.answer(asked.wish, 1, "done", contained=True)
    later = desired.answer(done.wish, 1, "failed", contained=True)
    assert later.wish.holds
    assert not later.news


def test_a_failed_isolation_is_no_isolation_and_may_be_asked_again() -> None:
    asked = desired.ask(Wish(), 1, FULL, on=True)
    failed = desired.answer(asked.wish, 1, "failed", contained=False)
    assert failed.ended == (1,)
    assert not failed.wish.holds
    again = desired.ask(failed.wish, 2, FULL, on=True)
    assert again.wish.generation == 2


def test_a_failed_change_of_an_isolation_leaves_the_one_before() -> None:
    first = desired.ask(Wish(), 1, FULL, on=True)
    done = desired.answer(first.wish, 1, "done", contained=True)
    second = desired.ask(done.wish, 2, SELECTIVE, on=True)
    failed = desired.answer(second.wish, 2, "failed", contained=True)
    assert failed.wish.holds
    released = desired.ask(failed.wish, 3, NONE, on=False)
    assert not released.already
    assert released.wish.generation == 3


def isolated(value: dict[str, object]) -> Wish:
    asked = desired.ask(Wish(), 1, value, on=True)
    return desired.answer(asked.wish, 1, "done", contained=True).wish


def test_a_time_to_live_that_is_asked_again_begins_anew() -> None:
    hour: dict[str, object] = {"scope": "full", "ttl_s": 3600.0}
    again = desired.ask(isolated(hour), 2, hour, on=True)
    assert not again.already
    assert again.wish.generation == 2
    assert desired.ask(isolated(FULL), 2, FULL, on=True).already


def test_what_the_device_itself_denies_is_not_already_so() -> None:
    again = desired.ask(isolated(FULL), 2, FULL, on=True, denied=True)
    assert (again.already, again.wish.generation) == (False, 2)
    released = desired.ask(Wish(), 1, NONE, on=False, denied=True)
    assert (released.already, released.wish.generation) == (False, 1)


def test_a_wish_is_above_what_the_device_has_heard() -> None:
    """The broker's store came from a backup: the device knows later wishes than it does."""
    assert desired.ask(isolated(FULL), 2, NONE, on=False, above=9).wish.generation == 10
    asked = desired.ask(isolated(FULL), 2, NONE, on=False)
    assert desired.withdraw(asked.wish, 2, above=9).generation == 10


@pytest.mark.parametrize(
    ("held", "asked", "loosens"),
    [
        ({"scope": "full"}, {"scope": "full", "ttl_s": 1.0}, True),
        ({"scope": "full", "ttl_s": 60.0}, {"scope": "full", "ttl_s": 1.0}, True),
        ({"scope": "full", "ttl_s": 60.0}, {"scope": "full", "ttl_s": 90.0}, False),
        ({"scope": "full", "ttl_s": 60.0}, {"scope": "full"}, False),
        ({"scope": "full"}, {"scope": "selective", "rules": ["all"]}, True),
        ({"scope": "selective", "rules": ["a"]}, {"scope": "selective", "rules": ["b"]}, True),
        ({"scope": "selective", "rules": ["a"]}, {"scope": "selective", "rules": ["a"]}, False),
        ({"scope": "selective", "rules": ["a"]}, {"scope": "full"}, False),
    ],
)
def test_an_isolation_that_opens_or_ends_another_is_a_release(
    held: dict[str, object], asked: dict[str, object], loosens: bool
) -> None:
    assert desired.loosens(isolated(held), asked) is loosens
    assert not desired.loosens(Wish(), asked)
    waiting = desired.ask(Wish(), 1, held, on=True).wish
    assert desired.loosens(waiting, asked) is loosens
    failing = desired.ask(isolated(held), 2, {"scope": "full", "force": True}, on=True).wish
    failed = desired.answer(failing, 2, "failed", contained=True).wish
    assert desired.loosens(failed, asked) is loosens


@pytest.mark.parametrize("ended", ["failed", "over"])
def test_a_release_after_an_isolation_that_is_none_changes_what_the_device_is_to_be(
    ended: desired.Answer,
) -> None:
    """Nothing is in force, so nobody waits; but a device that lost its state obeys its wish."""
    asked = desired.ask(Wish(), 1, FULL, on=True)
    none = desired.answer(asked.wish, 1, ended, contained=False)
    released = desired.ask(none.wish, 2, NONE, on=False)
    assert (released.already, released.wish.generation, released.wish.on) == (True, 2, False)
    assert (released.wish.waiting, released.wish.holds) == ((), False)
