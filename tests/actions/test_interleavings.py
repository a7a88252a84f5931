"""The engine itself, stepped: broker, disk, wire and device in any order, killed between any two.

1. Real: Center, Containment and Ledger, the store's own statements and tables, the form of the
   wire, what a device keeps of what it hears. Doubles, for the steps between must be the test's: a
   disk that writes when it is told to (`Disk`), lines that lose, double and reorder (`Wire`), and
   what puts rules in force (`Device`).
2. Nothing is sent that the disk does not have; what is durable and what its journal says agree at
   every write; an action ends once; "succeeded" is said of what the device said of that wish.
3. At the end all is mended, and both ends agree with what was asked last.
4. The rig is trusted because engines that are broken on purpose fail it.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from commands.isolate import Isolate
from commands.language import wire_contain as wire
from commands.language.command import Command
from commands.language.errors import FirelineError
from commands.release import Release
from commands.restrict import Restrict
from commands.unrestrict import Unrestrict
from server.actions import desired
from server.actions.action import Action
from server.actions.asked import Asked
from server.actions.center import Center
from server.actions.containment import Containment
from server.actions.desired import WHAT, Wish
from server.actions.ledger import Ledger
from server.audit.action_records import ActionChanged
from server.config import Config
from server.live.inventory import Device as Known
from server.store import actions as stored
from tests.actions.stepped import Device, Disk, Life, Wire

TURNS = 12  # of the loop, after which nothing moves but what waits for the test
ASKS: dict[str, Command] = {
    "isolate": Isolate(device="web-01"),
    "isolate -ttl 2h": Isolate(device="web-01", ttl="2h"),
    "release": Release(device="web-01"),
    "restrict": Restrict(device="web-01"),
    "unrestrict": Unrestrict(device="web-01"),
}


class Engine(RuleBasedStateMachine):
    """One broker, one device; each step is one rule."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_debug(False)
        self.disk, self.device = Disk(), Device()
        self.down: list[wire.Want] = []
        self.up: list[wire.Contained] = []
        self.highest = {"isolation": 0, "restriction": 0}
        self.checked = 0
        self.wrong: list[Exception] = []
        self.start()
        self.its_line_comes()

    # The parts.
    def start(self) -> None:
        self.life = Life(self.disk, self.loop)
        self.known = Known("d1", "web-01", platform="linux")
        broker = SimpleNamespace(
            config=Config(Path("/nowhere")), store=self.life, journal=self.life,
            inventory=SimpleNamespace(by_id=lambda _: self.known),
            sessions=SimpleNamespace(live={}, violated=self.lied), own=self.begin,
            ports=SimpleNamespace(devices=8443),
        )  # fmt: skip
        life = cast(Any, self.life)
        ledger = self.loop.run_until_complete(Ledger.open(life, life))
        self.center = Center(cast(Any, broker), ledger)

    def lied(self, _: object, what: str) -> None:
        raise AssertionError(what)

    def begin(self, work: Any) -> None:
        async def told() -> None:
            try:
                await work
            except FirelineError:
                return  # a person is told
            except Exception as error:
                self.wrong.append(error)

        self.loop.create_task(told())

    def settle(self) -> None:
        async def turns() -> None:
            for _ in range(TURNS):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        if self.wrong:
            raise self.wrong[0]

    def end_tasks(self) -> None:
        async def ended() -> None:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)

        self.loop.run_until_complete(ended())

    def action(self, data: st.DataObject, approval: str | None = None) -> Action | None:
        opened = self.center.ledger.opened()
        found = [a for a in opened if approval is None or a.approval == approval]
        return data.draw(st.sampled_from(found)) if found else None

    # What people do.
    @rule(
        line=st.sampled_from(sorted(ASKS)),
        second=st.sampled_from([False, False, True]),
        far=st.integers(0, 3),
        fails=st.booleans(),
    )
    def somebody_asks(self, line: str, second: bool, far: int, fails: bool) -> None:
        """`far`: how much of the way it goes at once; the rules below are its single steps."""
        asked = Asked(
            device=self.known, command=ASKS[line], text=line, person="alice", comment="INC-1",
            door="exec", where="S1#1", second=second, opens=True,
        )  # fmt: skip
        self.begin(self.center.ask(asked))
        self.settle()
        if far > 0:
            self.the_disk_writes()
        if far == 1 and self.up and self.known.line is not None:
            self.take(self.up[0])  # of what was before it
        if far > 1:
            self.the_device_does_it(fails, True)
        if far > 2:
            self.the_device_says_what_it_is()

    @rule(data=st.data(), answers=st.lists(st.booleans(), min_size=1, max_size=2))
    def others_answer(self, data: st.DataObject, answers: list[bool]) -> None:
        if (action := self.action(data, "needed")) is not None:
            for yes in answers:
                self.begin(
                    self.center.approve(action, "bob", "", opens=True)
                    if yes
                    else self.center.deny(action, "carol", "", "")
                )
            self.settle()

    @rule(data=st.data())
    def somebody_takes_it_back(self, data: st.DataObject) -> None:
        if (action := self.action(data)) is not None:
            self.begin(self.center.cancel(action, "alice"))
            self.settle()

    # What the disk, the wire and the device do.
    @rule()
    def the_disk_writes(self) -> None:
        self.life.write()
        self.settle()

    @rule(data=st.data(), twice=st.booleans())
    def a_wish_arrives(self, data: st.DataObject, twice: bool) -> None:
        if self.down:
            at = data.draw(st.integers(0, len(self.down) - 1))
            self.device.hear(self.down[at] if twice else self.down.pop(at))

    @rule(fails=st.booleans(), hears=st.booleans())
    def the_device_does_it(self, fails: bool, hears: bool) -> None:
        while hears and self.down:
            self.device.hear(self.down.pop(0))
        self.device.enforce(fails=fails)

    @rule()
    def its_time_is_over(self) -> None:
        self.device.time_is_over()

    @rule()
    def the_device_says_what_it_is(self) -> None:
        self.up.append(self.device.says())

    @rule(data=st.data(), twice=st.booleans())
    def an_answer_arrives(self, data: st.DataObject, twice: bool) -> None:
        if self.up and self.known.line is not None:
            at = data.draw(st.integers(0, len(self.up) - 1))
            self.take(self.up[at] if twice else self.up.pop(at))

    def take(self, message: wire.Contained) -> None:
        self.begin(self.center.containment.said(self.known, message))
        self.settle()

    # What is killed and cut.
    @rule(back=st.booleans())
    def the_broker_is_killed(self, back: bool) -> None:
        self.life.killed = True
        self.end_tasks()
        self.start()
        if back:
            self.its_line_comes()

    @rule(back=st.booleans())
    def the_device_is_killed(self, back: bool) -> None:
        self.down.clear()
        self.up.clear()
        self.known.line = None
        if back:
            self.its_line_comes()

    @rule()
    def its_line_comes(self) -> None:
        if self.known.line is not None:
            cast(Any, self.known.line).up = False
        self.known.line = cast(Any, Wire(self.life, self.down))
        self.begin(self.center.line_up(self.known))
        self.up.append(self.device.says())  # at Hello
        self.settle()

    # What holds.
    @invariant()
    def the_disk_and_its_journal_agree(self) -> None:
        rows, wishes = self.disk.rows(), self.disk.wishes()
        for what, wish in wishes.items():
            assert wish.generation >= self.highest[what], "a generation fell"
            self.highest[what] = wish.generation
        last: dict[int, ActionChanged] = {}
        for at, record in enumerate(self.disk.records):
            before = last.get(record.action)
            assert before is None or before.state in ("Pending", "InProgress"), "it ended twice"
            last[record.action] = record
            if at >= self.checked:
                self._is_true(record)
        self.checked = len(self.disk.records)
        assert {number: record.state for number, record in last.items()} == {
            number: row.state for number, row in rows.items()
        }
        for row in rows.values():
            what = WHAT[row.word]
            waits = row.id in wishes.get(what, Wish()).waiting
            assert waits == (row.open and row.approval != "needed"), "a row that nothing ends"

    def _is_true(self, record: ActionChanged) -> None:
        assert record.generation == 0 or record.approval in ("", "given")
        wish = self.disk.wishes().get(WHAT[record.word], Wish())
        if record.state == "Failed" and record.generation == wish.generation:
            assert wish.answered == "failed", "it failed, and is said to be so"
        assert record.said or record.state != "Succeeded", "nothing is said of what became of it"
        if record.state == "Succeeded" and record.said != "already so":
            fact = WHAT[record.word], record.generation, record.word in ("isolate", "restrict")
            over = record.word == "isolate" and ("isolation", record.generation, False)
            assert fact in self.device.said or over in self.device.said, "it never said so"

    def teardown(self) -> None:
        try:
            self.mend()
            self.agree()
        finally:
            self.end_tasks()
            self.loop.close()
            self.disk.tables.close()

    def mend(self) -> None:
        self.its_line_comes()
        heard, rounds = 0, 0
        while heard < 3:
            heard, rounds = 0 if self.life.busy or self.down else heard + 1, rounds + 1
            assert rounds < 500, "it never comes to rest"
            self.the_disk_writes()
            while self.down:
                self.device.hear(self.down.pop(0))
            self.device.enforce()
            if not self.life.busy:
                self.take(self.device.says())
        self.the_disk_and_its_journal_agree()

    def agree(self) -> None:
        rows, wishes = self.disk.rows().values(), self.disk.wishes()
        assert all(row.approval == "needed" for row in rows if row.open), "it never ends"
        held = {
            "isolation": self.device.isolation.scope != "none",
            "restriction": self.device.restriction.on,
        }
        for what, on in held.items():
            wish = wishes.get(what, Wish())
            assert wish.holds == on, f"{what}: {wish}, the device {on}"
            if wish.answered == "done":
                assert wish.on == on
            of_it = [row for row in rows if WHAT[row.word] == what and row.generation]
            made = max(of_it, key=lambda row: (row.generation, row.id), default=None)
            if made is not None and made.generation == wish.generation:
                assert wish.on == (made.word in ("isolate", "restrict"))
                assert wish.generation == getattr(self.device, what).generation


QUICK = settings(
    max_examples=80, stateful_step_count=40, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def test_broker_and_device_killed_between_any_two_steps_agree_in_the_end() -> None:
    run_state_machine_as_test(Engine, settings=QUICK)


# Engines that are broken on purpose.
Break = Callable[[pytest.MonkeyPatch], None]


def _answers_of_any_wish_count(patch: pytest.MonkeyPatch) -> None:
    real = desired.answer
    patch.setattr(desired, "answer", lambda wish, _, *a, **k: real(wish, wish.generation, *a, **k))


def _every_answer_is_a_good_one(patch: pytest.MonkeyPatch) -> None:
    real = desired.answer
    patch.setattr(
        desired, "answer", lambda w, g, _, *, contained: real(w, g, "done", contained=contained)
    )


def _nothing_is_superseded(patch: pytest.MonkeyPatch) -> None:
    real = desired.ask
    forgets = lambda *a, **k: msgspec.structs.replace(real(*a, **k), superseded=())  # noqa: E731
    patch.setattr(desired, "ask", forgets)


def _a_generation_comes_twice(patch: pytest.MonkeyPatch) -> None:
    real = desired.withdraw

    def same(wish: Wish, action: int, above: int = 0) -> Wish:
        return msgspec.structs.replace(real(wish, action, above), generation=wish.generation)

    patch.setattr(desired, "withdraw", same)


def _sent_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    real = Ledger.save

    async def hasty(self: Ledger, *a: Any, **k: Any) -> None:
        hasty.tasks.append(asyncio.ensure_future(real(self, *a, **k)))  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    hasty.tasks = []  # type: ignore[attr-defined]
    patch.setattr(Ledger, "save", hasty)


def _wishes_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    real = stored.save
    patch.setattr(stored, "save", lambda rows, _: real(rows, []))


def _a_line_that_comes_hears_nothing(patch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> None:
        return

    patch.setattr(Containment, "tell", silent)


def _two_answer_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Center, "_answer", lambda *_: asyncio.Lock())


def _two_things_at_once_for_a_device(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Containment, "_turn", lambda *_: asyncio.Lock())


BROKEN: tuple[Break, ...] = (
    _answers_of_any_wish_count, _every_answer_is_a_good_one, _nothing_is_superseded,
    _a_generation_comes_twice, _sent_before_it_is_durable, _wishes_are_not_kept,
    _a_line_that_comes_hears_nothing, _two_answer_at_once, _two_things_at_once_for_a_device,
)  # fmt: skip


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda one: one.__name__.strip("_"))
def test_an_engine_that_is_broken_on_purpose_is_seen(
    breaks: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    found = settings(
        QUICK,
        max_examples=200,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        print_blob=False,
    )
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        run_state_machine_as_test(Engine, settings=found)
