"""What a second scan or collection is beside those that are open."""

from typing import Any

import pytest

from commands.collect import Collect
from commands.language.command import Command
from commands.language.errors import Failed, Refused
from commands.language.names import Name
from commands.scan import Scan
from server.actions.action import Action, said
from server.actions.joining import MOST_WAITING, joined
from server.live.device_job import command_value

QUICK, PATH = Scan(device="web-01"), Scan(device="web-01", path=Name("/tmp/x y"))


def action(command: Command, number: int = 7, **more: Any) -> Action:
    return Action(
        id=number, device="d1", name="web-01", word=command.spec.word,
        value=command_value(command), text=said(command), person="alice", comment="INC-1",
        door="exec", asked_in="S1#1", submitted_ms=0, **more,
    )  # fmt: skip


@pytest.mark.parametrize("state", ["Pending", "InProgress"])
def test_one_of_the_same_parameters_is_joined(state: Any) -> None:
    first = action(QUICK, state=state)
    assert joined([first], QUICK, second=False) is first


def test_one_that_waits_for_a_second_person_serves_only_who_would_wait_too() -> None:
    waits, allowed = action(QUICK, approval="needed"), action(QUICK, 8, approval="given")
    assert joined([waits], QUICK, second=False) is None
    assert joined([waits], QUICK, second=True) is waits
    assert joined([waits, allowed], QUICK, second=False) is allowed


def test_beside_one_of_other_parameters_that_runs_it_is_said_what_differs() -> None:
    runs = action(PATH, state="InProgress")
    with pytest.raises(Failed) as told:
        joined([runs], Scan(device="web-01", type="full"), second=False)
    assert str(told.value) == (
        "A7 runs on web-01: scan -path '/tmp/x y', asked by alice; it is another one than yours: "
        "-type quick there, full here; -path '/tmp/x y' there, not given here; cancel A7, or ask "
        "again when it has ended"
    )


def test_what_has_not_begun_keeps_nobody_from_an_action_of_his_own() -> None:
    for first in (action(PATH), action(PATH, approval="needed")):
        assert joined([first], QUICK, second=False) is None


def test_a_collection_is_no_scan_and_what_nobody_types_makes_no_difference() -> None:
    collects = action(Collect(device="web-01", at_most=5), state="InProgress")
    assert joined([collects], QUICK, second=False) is None
    assert joined([collects], Collect(device="WEB-01", at_most=9), second=False) is collects


def test_so_many_wait_for_a_device_and_no_more() -> None:
    waiting = [action(Scan(path=Name(f"/{n}")), n) for n in range(1, MOST_WAITING + 1)]
    with pytest.raises(
        Refused, match=r"50 actions wait for web-01 already; cancel one, such as A1,"
    ):
        joined(waiting, QUICK, second=False)
    assert joined(waiting, Scan(path=Name("/9")), second=False) is waiting[8]
    assert joined(waiting[1:], QUICK, second=False) is None
