"""A device that does what a test tells it: a real enrolled identity, real TLS, no shim behind."""

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from endpoint_shim.facts import declarations
from tests.doors.rig import Ran
from tests.journeys.rig import House

WAIT_S = 20.0
Said = dict[str, Any]


def context(ca: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """What a device brings to TLS."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(ca)
    if certificate is not None:
        made.load_cert_chain(certificate, key)
    return made


class Wire:
    """One WebSocket of it: sends anything, reads messages."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, *messages: "Said | str | bytes") -> None:
        """A dict as JSON in a TEXT frame, text as TEXT, bytes as BINARY."""
        for message in messages:
            frame = json.dumps(message) if isinstance(message, dict) else message
            await self.socket.send(frame)

    async def together(self, *messages: "Said | bytes") -> None:
        """Several frames in one write, so that nothing happens between them."""
        for message in messages:
            if isinstance(message, bytes):
                self.socket.protocol.send_binary(message)
            else:
                self.socket.protocol.send_text(json.dumps(message).encode())
        self.socket.transport.write(b"".join(self.socket.protocol.data_to_send()))

    async def hears(self, kind: str) -> Said:
        """The next message of a kind; others before it are let pass."""
        async with asyncio.timeout(WAIT_S):
            while True:
                frame = await self.socket.recv()
                if isinstance(frame, str) and (said := json.loads(frame)).get("m") == kind:
                    return dict(said)

    async def item(self, **fields: Any) -> None:
        await self.say(fields)

    async def row(self, **row: Any) -> None:
        await self.say({"item": "row", "row": row})

    async def closed(self) -> str:
        """Waits until the broker has ended it; the reason it gave, if any."""
        async with asyncio.timeout(WAIT_S):
            await self.socket.wait_closed()
        return self.socket.close_reason or ""


class Scripted:
    """The device."""

    def __init__(self, house: House, name: str) -> None:
        self.house, self.name = house, name
        self.state = house.enrol(name).state
        identity = json.loads((self.state / "identity.json").read_bytes())
        self.place = identity["dial"][0]
        self.context = context(
            self.state / "ca.pem", self.state / "device.pem", self.state / "key.pem"
        )
        self.facts: Said = {"platform": "linux", "system": "Scripted 1"}

    def hello(self, **other: Any) -> Said:
        said = {
            "m": "hello", "version": 1, "shim": "0.1.0", "facts": self.facts,
            "clock_ms": int(time.time() * 1000), "declarations": declarations(),
        }  # fmt: skip
        return {**said, **other}

    @contextlib.asynccontextmanager
    async def dial(self, path: str) -> AsyncIterator[Wire]:
        async with connect(
            f"wss://{self.place}{path}", ssl=self.context, compression=None, max_size=None,
            ping_interval=None, close_timeout=1,
        ) as socket:  # fmt: skip
            yield Wire(socket)

    @contextlib.asynccontextmanager
    async def online(self, **other: Any) -> AsyncIterator[Wire]:
        """Its control line, welcomed; gone from the broker's list when this ends."""
        async with self.dial("/control") as line:
            await line.say(self.hello(**other))
            await line.hears("welcome")
            yield line
        await until(lambda: not self.house.online(self.name))

    @contextlib.asynccontextmanager
    async def asked(self, line: Wire) -> AsyncIterator[Wire]:
        """The stream that a session asks for, opened."""
        opening = await line.hears("open")
        async with self.dial("/stream") as stream:
            await stream.say(dialled(opening))
            yield stream


def dialled(opening: Said) -> Said:
    return {"m": "dialled", "stream": opening["stream"], "token": opening["token"]}


async def until(ready: Any, seconds: float = WAIT_S) -> None:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(ready):
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.02)


def client(house: House, line: str, *options: str, stdin: bytes = b"") -> "asyncio.Task[Ran]":
    """A stock client meanwhile."""
    return asyncio.create_task(asyncio.to_thread(house.run, line, *options, stdin=stdin))
