"""Misbehaviours of an enrolled device: how cases are kept, and those on the control line."""

import asyncio
import contextlib
import json
import re
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.journeys.rig import House
from tests.journeys.scripted import Scripted, Wire, client, until

GOOD, BAD, TWIN = "good-01", "bad-01", "bad-02"
GROWTH_KIB = 40 << 10
LIMITS = {
    "results_bytes": 300_000, "stream_dial_s": 1.5, "stream_away_s": 1.5,
    "reserve_bytes": 1 << 20, "violations_per_hour": 1000,
}  # fmt: skip
ROW = {"pid": 1, "name": "x"}
SHA = "0" * 64


class Kept:
    """A session on the other device, open through all that happens; a line of it now and then."""

    def __init__(self, house: House) -> None:
        self._client = subprocess.Popen(
            house.ssh(f"connect {GOOD}"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._one = threading.Lock()

    def answers(self) -> None:
        """The device is asked, and gives a row."""
        client = self._client
        assert client.stdin is not None and client.stdout is not None
        with self._one:
            client.stdin.write(b"processes -pid 1 -output json\n")
            client.stdin.flush()
            text = b""
            while not text.endswith(b"]\n"):
                line = client.stdout.readline()
                assert line, f"the other session has ended after {text!r}"
                text += line
        assert json.loads(text)[0]["pid"] == 1

    def end(self) -> None:
        self._client.communicate()
        assert self._client.returncode == 0


class Houses:
    """The house and its two scripted devices; made once for the file."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.start_shim(GOOD)
        self.bad, self.twin = Scripted(house, BAD), Scripted(house, TWIN)
        assert house.run("library add big.bin", stdin=bytes(8 << 20)).status == 0
        self.kept = Kept(house)


Case = Callable[[Scripted, Houses], Awaitable[str]]
"""Misbehaves; gives what the responder's client said, if there was one."""
CASES: "dict[str, tuple[Case, str, str]]" = {}
"""Name -> what it does, what the broker's journal says then, what the client said."""


def case(journal: str, said: str = "") -> Callable[[Case], Case]:
    def keep(do: Case) -> Case:
        CASES[do.__name__] = (do, journal, said)
        return do

    return keep


async def cut(wire: Wire) -> None:
    """Until the broker has ended it, whatever it still sends."""
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(10):
            while True:
                await wire.socket.recv()


@contextlib.asynccontextmanager
async def running(
    bad: Scripted, line: str
) -> AsyncIterator[tuple[Wire, Wire, "asyncio.Task[Any]"]]:
    """Its control line, and the stream on which a responder's command has started."""
    async with bad.online() as control:
        asked = client(bad.house, f"on {bad.name} {line}")
        async with bad.asked(control) as stream:
            await stream.hears("start")
            yield control, stream, asked


async def said_by(asked: "asyncio.Task[Any]") -> str:
    ran = await asked
    assert ran.status != 0, "a false success"
    return str(ran.err)


def refusals(house: House, pattern: str, after: int = 0) -> list[str]:
    """What the broker's journal says of violations and refused lines."""
    kinds = ("violation", "line_refused", "line_lost")
    texts = [
        str(r.get("what", r.get("reason"))) for r in house.records()[after:] if r["kind"] in kinds
    ]
    return [text for text in texts if re.search(pattern, text)]


# The control line.
@case("it is no Hello")
async def a_frame_before_hello(bad: Scripted, _: Houses) -> str:
    async with bad.dial("/control") as line:
        await line.say({"m": "beat", "number": 1})
        await cut(line)
    return ""


@case("longer than 4 KiB")
async def a_hello_of_5_kib(bad: Scripted, _: Houses) -> str:
    async with bad.dial("/control") as line:
        await line.say(bad.hello(shim="x" * 5000))
        await cut(line)
    return ""


@case("no first message within 5 s")
async def no_hello_and_a_drip(bad: Scripted, _: Houses) -> str:
    async with bad.dial("/control") as silent, bad.dial("/stream") as stream:
        host, _, port = bad.place.rpartition(":")
        reader, writer = await asyncio.open_connection(
            host, int(port), ssl=bad.context, server_hostname=host
        )
        with contextlib.suppress(OSError, ssl.SSLError):
            for byte in b"GET /control HTTP/1.1\r\nHost: x\r\n" * 9:
                writer.write(bytes([byte]))
                await writer.drain()
                if reader.at_eof():
                    break
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await reader.read(1)
        writer.transport.abort()
        await cut(silent)
        await cut(stream)
    await until(lambda: len(refusals(bad.house, "no first message")) >= 3)
    return ""


@case("said hello twice")
async def hello_twice(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        await line.say(bad.hello())
        await cut(line)
    return ""


@case("control message that is none")
async def an_unknown_message(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        await line.say({"m": "selfdestruct"})
        await cut(line)
    return ""


@case("control message that is none")
async def no_json(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        await line.say('{"m": "beat", "number": ')
        await cut(line)
    return ""


@case("control message that is none")
async def nested_without_end(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        await line.say('{"m":"beat","x":' + "[" * 30_000)
        await cut(line)
    return ""


@case("sent bytes on its control line")
async def bytes_on_the_control_line(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        await line.say(b"\x00\x01")
        await cut(line)
    return ""


@case("sent bytes before its first message")
async def bytes_first(bad: Scripted, _: Houses) -> str:
    async with bad.dial("/control") as line:
        await line.say(b"\x00\x01")
        await cut(line)
    return ""


@case("control message over 64 KiB")
async def a_control_message_of_100_kib(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        await line.say({"m": "bye", "reason": "x" * 100_000})
        await cut(line)
    return ""


@case("broke the WebSocket")
async def a_frame_of_5_mb(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        with contextlib.suppress(ConnectionClosed):
            await line.say(b"x" * 5_000_000)
        await cut(line)
    return ""


@case("speaks version 0 of the protocol")
async def an_older_shim(bad: Scripted, _: Houses) -> str:
    async with bad.dial("/control") as line:
        await line.say(bad.hello(version=0))
        assert "update the older one" in await line.closed()
    return ""


@case("speaks version 2 of the protocol")
async def a_newer_shim(bad: Scripted, _: Houses) -> str:
    async with bad.dial("/control") as line:
        await line.say(bad.hello(version=2, news={"of": ["tomorrow"]}))
        assert "update the older one" in await line.closed()
    return ""


@case("a control message that is none")
async def numbers_out_of_range(bad: Scripted, _: Houses) -> str:
    for number in (-1, 2**53 + 1, 2**80, 1e400, "1"):
        async with bad.online() as line:
            await line.say(f'{{"m":"beat","number":{json.dumps(number)}}}')
            await cut(line)
    return ""


@case("another line of this identity is alive")
async def a_clone_while_the_first_lives(bad: Scripted, _: Houses) -> str:
    async with bad.online() as first:
        async with bad.dial("/control") as second:
            await second.say(bad.hello())
            await first.hears("ping")
            await first.say({"m": "beat", "number": 1})
            assert "a cloned device?" in await second.closed()
        assert bad.house.online(BAD)
    return ""


@case("a new line took over")
async def a_second_line_while_the_first_is_dead(bad: Scripted, _: Houses) -> str:
    async with bad.dial("/control") as first:
        await first.say(bad.hello())
        await first.hears("welcome")
        async with bad.online() as second:
            await cut(first)
            await second.say({"m": "beat", "number": 7})
            assert (await second.hears("echo"))["number"] == 7
    return ""


@case("")
async def another_devices_name_in_its_facts(bad: Scripted, houses: Houses) -> str:
    async with bad.online(facts={"platform": "linux", "host": GOOD, "system": GOOD}):
        rows = {row["name"]: row for row in houses.house.rows("devices")}
        assert rows[BAD]["online"] and rows[GOOD]["online"]
        assert rows[GOOD]["platform"] != GOOD
    return ""


@case("control message that is none")
async def a_message_that_only_a_broker_sends(bad: Scripted, _: Houses) -> str:
    async with bad.online() as line:
        await line.say({"m": "cancel", "stream": "S1.w1"})
        await cut(line)
    return ""


@case("")
async def a_place_that_is_none(bad: Scripted, _: Houses) -> str:
    for path in ("/admin", "/control/..", "/stream/x", "/"):
        with contextlib.suppress(InvalidHandshake, ConnectionClosed, EOFError):
            async with bad.dial(path) as line:
                await line.say(bad.hello())
                await cut(line)
        assert not bad.house.online(BAD)
    return ""


@case("bytes before its first message")
async def bytes_first_on_a_stream(bad: Scripted, _: Houses) -> str:
    async with bad.online(), bad.dial("/stream") as stream:
        await stream.say(b"\x00\x01")
        await cut(stream)
    return ""


@case("longer than 4 KiB")
async def an_opening_of_5_kib(bad: Scripted, _: Houses) -> str:
    async with bad.online(), bad.dial("/stream") as stream:
        await stream.say({"m": "dialled", "stream": "S1.w1", "token": "x" * 5000})
        await cut(stream)
    return ""
