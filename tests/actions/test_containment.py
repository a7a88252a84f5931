"""Wishes of several people at one moment."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.isolate import Isolate
from commands.language.errors import Failed
from server.actions.action import Action
from server.actions.center import Center
from server.live.device_job import command_value
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
