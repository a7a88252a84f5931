"""Whatever order wishes and answers travel in, whoever is killed on the way, both ends agree."""

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.actions import desired
from server.actions.desired import Wish

FULL: dict[str, object] = {"scope": "full"}
SELECTIVE: dict[str, object] = {"scope": "selective"}
NONE: dict[str, object] = {}
WANTED = st.sampled_from([FULL, SELECTIVE, NONE])


class Device:
    """A device as the protocol has it: it keeps the highest wish that it heard of, and says so."""

    def __init__(self) -> None:
        self.heard = 0
        self.wanted: dict[str, object] = NONE
        self.answered = 0
        self.is_now: dict[str, object] = NONE

    def hear(self, generation: int, value: dict[str, object]) -> None:
        if generation > self.heard:
            self.heard, self.wanted = generation, value

    def converge(self) -> None:
        self.is_now, self.answered = self.wanted, self.heard


class Fleet(RuleBasedStateMachine):
    """One broker, one device, two lines that lose, double and reorder; each may be killed."""

    @initialize()
    def begin(self) -> None:
        self.wish = Wish()
        self.actions: dict[int, str] = {}
        self.last: dict[str, object] = NONE
        self.device = Device()
        self.down: list[tuple[int, dict[str, object]]] = []
        self.up: list[tuple[int, dict[str, object]]] = []
        self.highest = 0

    @rule(value=WANTED)
    def somebody_asks(self, value: dict[str, object]) -> None:
        number = len(self.actions) + 1
        asked = desired.ask(self.wish, number, value, on=bool(value))
        self.actions[number] = "already so" if asked.already else ""
        for one in asked.superseded:
            assert self.actions[one] == "", "an action that had ended ended again"
            self.actions[one] = f"superseded by {number}"
        self.wish, self.last = asked.wish, value
        if not asked.already:
            self.send()

    def send(self) -> None:
        if self.wish.generation:
            self.down.append((self.wish.generation, self.wish.value))

    @rule(data=st.data(), twice=st.booleans())
    def a_wish_arrives(self, data: st.DataObject, twice: bool) -> None:
        if self.down:
            at = data.draw(st.integers(0, len(self.down) - 1))
            message = self.down[at] if twice else self.down.pop(at)
            self.device.hear(*message)

    @rule()
    def the_device_does_it(self) -> None:
        self.device.converge()

    @rule()
    def the_device_says_what_it_is(self) -> None:
        if self.device.answered:
            self.up.append((self.device.answered, self.device.is_now))

    @rule(data=st.data(), twice=st.booleans())
    def an_answer_arrives(self, data: st.DataObject, twice: bool) -> None:
        if self.up:
            at = data.draw(st.integers(0, len(self.up) - 1))
            self.answer(*(self.up[at] if twice else self.up.pop(at)))

    def answer(self, generation: int, value: dict[str, object]) -> None:
        answered = desired.answer(self.wish, generation, "done", contained=bool(value))
        for number in answered.ended:
            assert self.actions[number] == "", "an action that had ended ended again"
            self.actions[number] = "done"
        self.wish = answered.wish

    @rule()
    def the_broker_is_killed(self) -> None:
        self.wish = msgspec.json.decode(msgspec.json.encode(self.wish), type=Wish)
        self.down.clear()
        self.up.clear()

    @rule()
    def the_line_comes_back(self) -> None:
        """At Hello both say all they know; what was under way is lost."""
        self.down.clear()
        self.up.clear()
        self.send()
        self.the_device_says_what_it_is()

    @rule(data=st.data())
    def somebody_takes_his_action_back(self, data: st.DataObject) -> None:
        waiting = [number for number in self.wish.waiting if self.actions[number] == ""]
        if waiting:
            number = data.draw(st.sampled_from(waiting))
            before = self.wish
            self.wish = desired.withdraw(self.wish, number)
            self.actions[number] = "cancelled"
            if self.wish.generation > before.generation:
                self.last = self.wish.value if self.wish.on else NONE
                self.send()

    @invariant()
    def generations_only_rise(self) -> None:
        if hasattr(self, "wish"):
            assert self.wish.generation >= self.highest
            self.highest = self.wish.generation

    def teardown(self) -> None:
        self.the_line_comes_back()
        while self.down:
            self.device.hear(*self.down.pop(0))
        self.device.converge()
        self.the_device_says_what_it_is()
        while self.up:
            self.answer(*self.up.pop(0))
        assert self.device.is_now == self.last
        assert self.wish.on == bool(self.last)
        assert self.wish.answered == "done"
        assert "" not in self.actions.values(), "an action was forgotten"


Fleet.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestFleet = Fleet.TestCase


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
