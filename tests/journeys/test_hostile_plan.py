"""What a device says of itself in the plan of an action is short there, and moves no screen."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.journeys.rig import House
from tests.journeys.screen import Screen
from tests.journeys.scripted import Scripted, Wire

pytestmark = [pytest.mark.needs("ssh")]

NAMES = ["/opt/\x1b[2Jx\u202ey", "/opt/" + "a" * 3000, *(f"/opt/p{n}" for n in range(5))]
SAID = "7 programs run and could not be started again: /opt/\\x1b[2Jx\\u{202e}y, /opt/aaaa"


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("plan") / "house", {"reserve_bytes": 1 << 20}) as house:
        yield house


async def tells(device: Scripted, line: Wire) -> None:
    """What runs on it, each time that it is asked."""
    while True:
        async with device.asked(line) as stream:
            await stream.hears("start")
            for pid, name in enumerate(NAMES):
                await stream.row(what="program", name=name, pid=pid, near="")
            await stream.item(item="done")


def asked(house: House, device: str) -> str:
    """The question before a restriction, once the device has answered in time; all on one line."""
    with Screen(house.ssh("", "-tt")[:-1], columns=2000) as s:
        s.until(r"^fireline>")
        for _ in range(10):
            s.enter(f"on {device} restrict -comment INC-1")
            s.until(r"Type the device's name to restrict it \(Enter: no\):")
            plan = [one for one in s.lines if one.startswith(f"restrict on {device}:")][-1]
            s.enter("")
            s.until(lambda s: s.lines[s.screen.cursor.y].startswith("fireline>"))
            if "programs run" in plan:
                break
    return plan


async def test_a_plan_names_few_programs_shortly_and_as_visible_text(house: House) -> None:
    device = Scripted(house, "plan-01")
    async with device.online() as line:
        telling = asyncio.create_task(tells(device, line))
        try:
            plan = await asyncio.to_thread(asked, house, device.name)
        finally:
            telling.cancel()
    assert SAID in plan
    assert plan.endswith("/opt/p0, /opt/p1, /opt/p2 and 2 more; its user is told; comment: INC-1")
    assert "a" * 100 not in plan
