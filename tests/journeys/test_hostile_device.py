"""An enrolled device that breaks the rules: it is cut with a reason, and nobody else notices.

1. Each misbehaviour has its record in the broker's journal, or its command the reason.
2. Meanwhile and afterwards another device of the same broker answers, and the broker's memory
   stays where it was.
3. The rig is trusted because the broker in `broken/`, broken on purpose, fails it.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.journeys import hostile_claims  # noqa: F401  # its cases are among CASES
from tests.journeys.hostile_cases import (
    BAD,
    CASES,
    GOOD,
    GROWTH_KIB,
    LIMITS,
    ROW,
    SHA,
    TWIN,
    Houses,
    case,
    cut,
    refusals,
    running,
    said_by,
)
from tests.journeys.rig import House
from tests.journeys.scripted import Scripted, client, dialled, until

pytestmark = [pytest.mark.needs("ssh", "ssh-keygen")]

BROKEN = Path(__file__).parent / "broken" / "believes_devices.py"
FALSE_HERE = {
    "done_without_the_file": "a false success",
    "done_without_what_was_written": "a false success",
    "it_was_written_elsewhere": "a false success",
    "a_file_planted_by_processes": "a false success",
    "another_file_than_was_asked_for": "a false success",
    "processes_moves_the_person": "a false success",
    "bytes_of_processes": "a false success",
    "a_frame_before_hello": "not journaled",
}
"""What that broker gets wrong, and how the rig sees it."""


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Houses]:
    with House(tmp_path_factory.mktemp("hostile") / "house", LIMITS) as house:
        houses = Houses(house)
        yield houses
        houses.kept.end()


# Streams and their tokens.
@case("the token is not right", "not dialled within 1.5 s")
async def a_wrong_token(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        asked = client(bad.house, f"on {BAD} processes")
        opening = await line.hears("open")
        async with bad.dial("/stream") as stream:
            await stream.say(dialled({**opening, "token": "x" * 32}))
            assert "token" in await stream.closed()
        return await said_by(asked)


@case("the token is not right", "not dialled within 1.5 s")
async def the_token_of_another_session(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        both = [client(bad.house, f"on {BAD} processes") for _ in range(2)]
        one, other = await line.hears("open"), await line.hears("open")
        async with bad.dial("/stream") as stream:
            await stream.say(dialled({**one, "token": other["token"]}))
            await cut(stream)
        texts = [await said_by(asked) for asked in both]
    return min(texts)


@case("the token is not right or was used", "was interrupted")
async def a_token_used_twice(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        asked = client(bad.house, f"on {BAD} processes")
        opening = await line.hears("open")
        async with bad.dial("/stream") as first:
            await first.say(dialled(opening))
            await first.hears("start")
            async with bad.dial("/stream") as second:
                await second.say(dialled(opening))
                assert "was used" in await second.closed()
        return await said_by(asked)


@case("no such stream of this device", "was interrupted")
async def the_stream_of_another_device(bad: Scripted, houses: Houses) -> str:
    async with houses.twin.online() as line:
        asked = client(bad.house, f"on {TWIN} processes")
        opening = await line.hears("open")
        async with bad.dial("/stream") as thief:
            await thief.say(dialled(opening))
            assert "no such stream" in await thief.closed()
        async with houses.twin.dial("/stream") as stream:
            await stream.say(dialled(opening))
            await stream.hears("start")
        return await said_by(asked)


@case("no such stream of this device")
async def a_resume_of_a_stream_never_opened(bad: Scripted, _: Houses) -> str:
    async with bad.dial("/stream") as stream:
        await stream.say({"m": "resume", "stream": "S9999.w1", "frames": 0})
        assert "no such stream" in await stream.closed()
    return ""


@case("not to be resumed", "was interrupted")
async def a_resume_from_frames_that_never_were(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        asked = client(bad.house, f"on {BAD} processes")
        opening = await line.hears("open")
        async with bad.dial("/stream") as first:
            await first.say(dialled(opening))
            await first.hears("start")
        async with bad.dial("/stream") as second:
            await second.say({"m": "resume", "stream": opening["stream"], "frames": 99})
            assert "not to be resumed" in await second.closed()
        return await said_by(asked)


# What comes of a command.
@case("an item of processes that does not fit", "does not fit")
async def a_row_of_another_type(bad: Scripted, _: Houses) -> str:
    async with running(bad, "processes") as (_line, stream, asked):
        await stream.row(pid="one", name=2)
        return await said_by(asked)


@case("sent a frame that is no message", "sent a frame that is no message")
async def an_item_that_is_none(bad: Scripted, _: Houses) -> str:
    async with running(bad, "processes") as (_line, stream, asked):
        await stream.say({"item": "payload", "row": {}})
        return await said_by(asked)


@case("sent an item (after its Done|while no command runs)")
async def an_item_after_done(bad: Scripted, _: Houses) -> str:
    async with running(bad, "processes") as (_line, stream, asked):
        row = {"item": "row", "row": ROW}
        await stream.together(row, {"item": "done"}, row)
        ran = await asked
        assert ran.status == 0 and ran.out.count("x") == 1
        await cut(stream)
    return ""


@case("sent bytes (after its Done|while no command runs)")
async def bytes_after_done(bad: Scripted, _: Houses) -> str:
    async with running(bad, "processes") as (_line, stream, asked):
        await stream.together({"item": "done"}, b"more")
        assert (await asked).status == 0
        await cut(stream)
    return ""


@case("", "results")
async def rows_without_end(bad: Scripted, _: Houses) -> str:
    async with running(bad, "processes -output json") as (_line, stream, asked):
        with contextlib.suppress(ConnectionClosed):
            while not asked.done():
                await stream.row(**ROW, user="x" * 200)
                await asyncio.sleep(0)  # or the broker's Close is never read
        return await said_by(asked)


@case("bytes announced", "bytes announced")
async def bytes_beyond_the_announced_size(bad: Scripted, _: Houses) -> str:
    async with running(bad, "getfile /etc/hostname") as (_line, stream, asked):
        await stream.item(item="into", where="file", name="/etc/hostname", size=10)
        await stream.say(b"0123456789", b"and more")
        return await said_by(asked)


@case("sent a frame that is no message", "sent a frame that is no message")
async def a_negative_size(bad: Scripted, _: Houses) -> str:
    async with running(bad, "getfile /etc/hostname") as (_line, stream, asked):
        await stream.item(item="into", where="file", name="/etc/hostname", size=-1)
        return await said_by(asked)


@case("", "at most")
async def a_file_of_a_quintillion_bytes(bad: Scripted, _: Houses) -> str:
    async with running(bad, "getfile /etc/hostname") as (_line, stream, asked):
        await stream.item(item="into", where="file", name="/etc/hostname", size=10**18)
        return await said_by(asked)


@case("the end of a file that was not begun", "was not begun")
async def the_end_of_a_file_that_never_began(bad: Scripted, _: Houses) -> str:
    async with running(bad, "getfile /etc/hostname") as (_line, stream, asked):
        await stream.item(item="taken", size=3, sha256=SHA)
        return await said_by(asked)


@case("", "differs: 3 bytes")
async def a_wrong_digest(bad: Scripted, _: Houses) -> str:
    async with running(bad, "getfile /etc/hostname") as (_line, stream, asked):
        await stream.item(item="into", where="file", name="/etc/hostname", size=3)
        await stream.say(b"abc")
        await stream.item(item="taken", size=3, sha256=SHA)
        await stream.item(item="done")
        return await said_by(asked)


@case("", "did not come whole")
async def done_before_the_file_is_whole(bad: Scripted, _: Houses) -> str:
    async with running(bad, "getfile /etc/hostname") as (_line, stream, asked):
        await stream.item(item="into", where="file", name="/etc/hostname", size=3)
        await stream.say(b"a", {"item": "done"})
        return await said_by(asked)


@case("never sent", "never sent")
async def acknowledging_what_was_never_sent(bad: Scripted, _: Houses) -> str:
    async with running(bad, "processes") as (_line, stream, asked):
        await stream.say({"m": "ack", "frames": 10**6})
        return await said_by(asked)


@case("", "outcome unknown")
async def acknowledging_nothing(bad: Scripted, _: Houses) -> str:
    async with running(bad, "putfile big.bin -path /tmp/never") as (_line, stream, asked):
        got = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while True:
                    got += len(await stream.socket.recv())
        assert got < 2 << 20, f"{got} bytes were sent and nothing acknowledged"
    return await said_by(asked)


@case("", "did not come back")
async def an_early_close(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        asked = client(bad.house, f"on {BAD} processes")
        async with bad.asked(line) as stream:
            await stream.hears("start")
            await stream.row(**ROW)
        return await said_by(asked)


@case("", "was interrupted")
async def a_gone_for_what_runs(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        asked = client(bad.house, f"on {BAD} processes")
        opening = await line.hears("open")
        async with bad.dial("/stream") as stream:
            await stream.say(dialled(opening))
            await stream.hears("start")
            await line.say({"m": "gone", "stream": opening["stream"], "how": "crashed"})
            return await said_by(asked)


async def answers(house: House) -> None:
    """The other device goes on."""
    ran = await client(house, f"on {GOOD} processes -pid 1 -output json")
    assert ran.status == 0 and json.loads(ran.out)[0]["pid"] == 1, ran.err


@pytest.mark.parametrize("name", list(CASES))
async def test_a_misbehaviour_ends_with_its_reason_and_harms_nobody(
    houses: Houses, name: str
) -> None:
    await ends_with_its_reason(houses, name)


async def ends_with_its_reason(houses: Houses, name: str) -> None:
    do, journal, said = CASES[name]
    house = houses.house
    before, memory = len(house.records()), house.broker_kib()
    other = asyncio.create_task(asyncio.to_thread(houses.kept.answers))
    text = await do(houses.bad, houses)
    await other
    assert said in text, text
    if journal:
        try:
            await until(lambda: refusals(house, journal, before), 5)
        except AssertionError:
            raise AssertionError(f"not journaled: {house.records()[before:]}") from None
    await asyncio.to_thread(houses.kept.answers)
    assert house.broker_kib() - memory < GROWTH_KIB


async def test_the_other_device_opens_a_session_as_before(houses: Houses) -> None:
    await answers(houses.house)


async def test_the_journal_that_holds_all_this_verifies(houses: Houses) -> None:
    status, said = houses.house.admin("verify broker")
    assert status == 0, said


async def test_a_broker_that_believes_its_devices_is_caught(tmp_path: Path) -> None:
    with House(tmp_path / "house", LIMITS, program=[str(BROKEN)]) as house:
        houses = Houses(house)
        for name, caught in FALSE_HERE.items():
            with pytest.raises(AssertionError, match=caught):
                await ends_with_its_reason(houses, name)
        houses.kept.end()
