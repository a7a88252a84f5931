"""Wishes and answers of several people at one moment."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.isolate import Isolate
from commands.language.errors import Failed
from server.actions.action import Action
from server.actions.asked import Asked
from server.actions.center import Center
from server.audit.action_records import ActionChanged
from server.audit.decoding import decode_body
from server.live.device_job import command_value
from server.live.inventory import Device
from server.store import records
from tests.doors.rig import Rig


@pytest.fixture
async def center(tmp_path: Path) -> AsyncIterator[Center]:
    house = Rig(tmp_path / "house", tmp_path / "keys")
    await house.start()
    try:
        assert house.broker is not None
        yield house.broker.actions
    finally:
        await house.stop()


def isolate(center: Center, person: str, command: Isolate) -> Action:
    return Action(
        id=center.ledger.next_id(), device="d1", name="web-01", word="isolate",
        value=command_value(command), text="isolate", person=person, comment="INC-1",
        door="exec", asked_in="S1#1", submitted_ms=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    "opening", [Isolate(device="web-01", ttl="1m"), Isolate(device="web-01", type="selective")]
)
async def test_what_was_no_release_when_it_was_judged_is_none_in_its_turn(
    center: Center, opening: Isolate
) -> None:
    """Two people in one millisecond: who comes second would open what the first has shut."""
    full = isolate(center, "alice", Isolate(device="web-01"))
    second = isolate(center, "bob", opening)
    await center.containment.wish(full, opens=False)
    with pytest.raises(Failed, match="isolate on web-01: it was isolated by somebody else mean"):
        await center.containment.wish(second, opens=False)
    assert center.ledger.wish("d1", "isolation").generation == 1
    assert await center.ledger.one(second.id) is None
    assert (await center.containment.wish(second, opens=True)).generation == 2


WEB = Device("d1", "web-01")


def asking(person: str, command: Isolate, *, second: bool = False, to_open: bool = False) -> Asked:
    return Asked(
        device=WEB, command=command, text="isolate", person=person, comment="INC-1", door="exec",
        where="S1#1", second=second, second_to_open=to_open,
    )  # fmt: skip


@pytest.fixture
def enrolled(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(center._broker.inventory, "by_id", lambda _: WEB)


async def test_who_comes_to_open_an_isolation_waits_for_his_second_person(center: Center) -> None:
    """Two people in one millisecond: sequence or race, bob's needs somebody else's yes."""
    full, opening = Isolate(device="web-01"), Isolate(device="web-01", ttl="1m")
    one, (other, new) = await asyncio.gather(
        center.ask(asking("alice", full)), center.ask(asking("bob", opening, to_open=True))
    )
    assert one[0].generation == 1
    assert (new, other.state, other.approval, other.generation) == (True, "Pending", "needed", 0)
    assert other.expires_ms is not None
    with pytest.raises(Failed, match="isolated by somebody else meanwhile"):
        await center.ask(asking("carl", opening))
    assert center.ledger.wish("d1", "isolation").value["ttl_s"] is None


@pytest.mark.usefixtures("enrolled")
async def test_a_yes_to_what_would_open_an_isolation_made_since_is_none(center: Center) -> None:
    waits, _ = await center.ask(asking("bob", Isolate(device="web-01", ttl="1m"), second=True))
    await center.ask(asking("alice", Isolate(device="web-01")))
    with pytest.raises(Failed, match=f"meanwhile.*; {waits.label} still waits"):
        await center.approve(waits, "carl", "", opens=False)
    assert await center.ledger.one(waits.id) == waits
    yes = await center.approve(waits, "carl", "seen", opens=True)
    assert (yes.approval, yes.by, yes.generation) == ("given", "carl", 2)


@pytest.mark.usefixtures("enrolled")
async def test_a_yes_and_what_it_lets_begin_are_one_record(center: Center) -> None:
    """A broker that is killed at any moment has asked nobody, or has a yes that began."""
    waits, _ = await center.ask(asking("bob", Isolate(device="web-01"), second=True))
    await center.approve(waits, "carl", "seen", opens=False)
    rows = await records.of_device(center._broker.store, "d1", "web-01", 100)
    said = [decode_body(row.kind, row.line) for row in sorted(rows)]
    found = [one for one in said if isinstance(one, ActionChanged)]
    assert [(one.approval, one.generation) for one in found] == [("needed", 0), ("given", 1)]
    assert {one.value_sha256 for one in found} == {waits.sha256}


@pytest.mark.usefixtures("enrolled")
async def test_of_all_that_answer_at_once_one_is_heard(center: Center) -> None:
    waits, _ = await center.ask(asking("bob", Isolate(device="web-01"), second=True))
    said = await asyncio.gather(
        center.approve(waits, "carl", "", opens=False),
        center.approve(waits, "dora", "", opens=False),
        center.deny(waits, "erik", "no", ""),
        return_exceptions=True,
    )
    assert [isinstance(one, Action) for one in said] == [True, False, False]
    assert all("waits for nobody" in str(one) for one in said[1:])
    assert center.ledger.wish("d1", "isolation").generation == 1
