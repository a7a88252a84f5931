"""A device that dials without pause: its records have a bound, nobody else notices it."""

from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from tests.journeys.rig import House
from tests.journeys.scripted import Scripted, client, until

pytestmark = [pytest.mark.needs("ssh", "ssh-keygen")]
LINES, REFUSALS, DIALS = 5, 3, 20


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {
        "lines_per_minute": LINES, "refusals_per_hour": REFUSALS, "stream_dial_s": 2,
        "left_open_s": 0.5, "reserve_bytes": 1 << 20,
    }  # fmt: skip
    with House(tmp_path_factory.mktemp("flood") / "house", limits) as house:
        yield house


async def test_a_flood_of_lines_leaves_so_many_records_and_the_last_says_so(house: House) -> None:
    bad, good = Scripted(house, "bad-01"), Scripted(house, "good-01")
    refused = 0
    for _ in range(DIALS):
        async with bad.dial("/control") as control:
            await control.say(bad.hello())
            try:
                await control.hears("welcome")
            except ConnectionClosed as closed:
                assert closed.rcvd is not None
                assert closed.rcvd.reason == f"it had {LINES} lines within a minute; wait one"
                refused += 1
    assert refused == DIALS - LINES
    await until(lambda: len(house.of_kind("line_lost")) == LINES)
    assert len(house.of_kind("line_up")) == LINES
    told = [record["reason"] for record in house.of_kind("line_refused")]
    assert len(told) == REFUSALS and told[-1].endswith("; more this hour are not recorded")
    async with good.online() as control:
        asked = client(house, "on good-01 processes")
        async with good.asked(control) as stream:
            await stream.hears("start")
            await stream.say({"item": "done"})
            assert (await asked).status == 0
    status, said = house.admin("verify broker")
    assert status == 0, said
