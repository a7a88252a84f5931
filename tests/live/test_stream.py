"""A stream over a real socket: what a pause holds, what silence ends, what coming back repeats."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from websockets.client import ClientProtocol
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from commands.language import items, wire
from commands.language.framed import SHOWN, FramedSocket
from server.live import share as shares
from server.live.share import Keys, Share
from server.live.stream import MOST_HELD, Stream


class Taker:
    """Who runs a command on the stream: notes what it is given."""

    def __init__(self) -> None:
        self.came: list[object] = []
        self.changed = asyncio.Event()

    def _note(self, what: object) -> None:
        self.came.append(what)
        self.changed.set()

    def on_item(self, item: items.Sent) -> None:
        self._note(item)

    def on_bytes(self, data: bytes) -> None:
        self._note(data)

    def on_message(self, message: wire.StreamUp) -> None:
        self._note(message)

    def on_writing(self, may: bool) -> None:
        self._note("may write" if may else "may not write")

    def on_away(self) -> None:
        self._note("away")

    def on_back(self) -> None:
        self._note("back")

    def on_stream_gone(self, reason: str) -> None:
        self._note(f"gone: {reason}")

    async def until(self, *last: object) -> None:
        """Waits until the last things that came are these."""
        async with asyncio.timeout(10):
            while self.came[-len(last) :] != list(last):
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Line:
    """Both ends of connections between a worker and the broker."""

    stream: Stream
    taker: Taker
    broker: "asyncio.Queue[FramedSocket]" = field(default_factory=asyncio.Queue)
    port: int = 0
    workers: list[FramedSocket] = field(default_factory=list)
    frames: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def worker(self) -> tuple[FramedSocket, FramedSocket]:
        """A connection: the worker's end, which notes nothing yet, and the broker's."""
        loop = asyncio.get_running_loop()
        protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{self.port}/stream"))
        opened = loop.create_future()
        _, worker = await loop.create_connection(
            lambda: FramedSocket(protocol), "127.0.0.1", self.port
        )
        worker.on_event = lambda _: opened.set_result(None)
        protocol.send_request(protocol.connect())
        worker.flush()
        await opened
        self.workers.append(worker)
        return worker, await self.broker.get()

    def take(self, broker: FramedSocket) -> None:
        """Gives the stream its socket, and hears of each frame after the stream has."""
        self.stream.take(broker)
        for name in ("on_text", "on_binary"):
            setattr(broker, name, self._heard(getattr(broker, name)))

    def _heard(self, stream: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def hear(data: bytes) -> None:
            stream(data)
            self.frames += 1
            self.came.set()

        return hear

    async def until(self, frames: int) -> None:
        """Waits until so many frames have come."""
        async with asyncio.timeout(10):
            while self.frames < frames:
                self.came.clear()
                await self.came.wait()

    def accept(self) -> FramedSocket:
        socket = FramedSocket(ServerProtocol(max_size=wire.MAX_ITEM))

        def answer(event: object) -> None:
            assert isinstance(event, Request) and isinstance(socket.protocol, ServerProtocol)
            socket.protocol.send_response(socket.protocol.accept(event))
            socket.flush()
            self.broker.put_nowait(socket)

        socket.on_event = answer
        return socket


@contextlib.asynccontextmanager
async def served(line: Line) -> AsyncIterator[None]:
    """Its door is open, for as many workers as come."""
    server = await asyncio.get_running_loop().create_server(line.accept, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    yield
    line.stream.user = None
    line.stream.end("the test ends")
    for worker in line.workers:
        worker.abort("the test ends")
    server.close()
    await server.wait_closed()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line(Stream("S1", "d", 1, away_s=20, keys=Keys()), Taker())
    line.stream.user = line.taker
    async with served(line):
        yield line


def noted(worker: FramedSocket) -> "asyncio.Queue[msgspec.Struct]":
    """What the broker says to this end from now on, but for acknowledgements."""
    came: asyncio.Queue[msgspec.Struct] = asyncio.Queue()

    def note(data: bytes) -> None:
        if not isinstance(message := wire.stream_down.decode(data), wire.Ack):
            came.put_nowait(message)

    worker.on_text = note
    return came


async def test_a_paused_stream_holds_what_comes_and_gives_it_in_order(line: Line) -> None:
    worker, broker = await line.worker()
    line.take(broker)
    line.stream.pause()
    worker.send_binary(b"one")
    worker.send_text(items.encode(items.Note("two")))
    worker.send_binary(b"three")
    line.stream.send(wire.Eof())
    worker.send_text(msgspec.json.encode(wire.AckUp(frames=1)))
    await line.until(4)
    assert line.stream._sent.after(1) == []
    assert line.taker.came == [], "an acknowledgement waits for no reader; the rest does"
    line.stream.resume()
    assert line.taker.came == [b"one", items.Note("two"), b"three"]


async def test_what_is_held_stops_where_its_user_pauses_again(line: Line) -> None:
    worker, broker = await line.worker()
    line.take(broker)
    line.stream.pause()
    for data in (b"1", b"2", b"3"):
        worker.send_binary(data)
    await line.until(3)

    class Slow(Taker):
        def on_bytes(self, data: bytes) -> None:
            super().on_bytes(data)
            line.stream.pause()

    slow = line.stream.user = Slow()
    line.stream.resume()
    assert slow.came == [b"1"]
    worker.send_binary(b"4")
    line.stream.resume()
    line.stream.resume()
    assert slow.came == [b"1", b"2", b"3"]
    await line.until(4)
    line.stream.resume()
    assert slow.came == [b"1", b"2", b"3", b"4"]


async def test_a_worker_that_falls_silent_under_a_pause_is_found(line: Line) -> None:
    line.stream._ping_s = 0.1
    worker, broker = await line.worker()
    line.take(broker)
    line.stream.pause()
    worker.pause()  # the far kernel still takes our pings; nobody answers them
    await line.taker.until("away")


async def test_a_worker_that_answers_under_a_long_pause_is_kept(line: Line) -> None:
    line.stream._ping_s = 0.4
    worker, broker = await line.worker()
    line.take(broker)
    line.stream.pause()
    worker.send_binary(b"kept")
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(2.5, over.set_result, None)
    await over
    line.stream.resume()
    assert line.taker.came == [b"kept"]


async def test_what_was_held_when_the_line_broke_is_given_once(line: Line) -> None:
    worker, broker = await line.worker()
    line.take(broker)
    worker.send_binary(b"taken")
    await line.taker.until(b"taken")
    line.stream.pause()
    worker.send_binary(b"held")
    await line.until(2)
    worker.abort("broke")
    await line.taker.until("away")
    again, broker = await line.worker()
    said = noted(again)
    assert line.stream.take_again(broker, 0)
    assert await asyncio.wait_for(said.get(), 10) == wire.Resumed(frames=1)
    again.send_binary(b"held")
    line.stream.resume()
    await line.taker.until(b"taken", "away", "back", b"held")


async def test_what_was_held_when_the_line_broke_can_be_given_before_it_is_back(line: Line) -> None:
    worker, broker = await line.worker()
    line.take(broker)
    line.stream.pause()
    worker.send_binary(b"held")
    await line.until(1)
    worker.abort("broke")
    await line.taker.until("away")
    line.stream.resume()
    again, broker = await line.worker()
    said = noted(again)
    assert line.stream.take_again(broker, 0)
    assert await asyncio.wait_for(said.get(), 10) == wire.Resumed(frames=1)
    assert line.taker.came == ["away", b"held", "back"]


async def test_a_worker_that_sends_on_without_being_acknowledged_is_closed(line: Line) -> None:
    worker, broker = await line.worker()
    told: list[str] = []
    line.stream.on_violation = told.append
    line.take(broker)
    line.stream.pause()
    piece = bytes(wire.MAX_BYTES)
    for _ in range(MOST_HELD // len(piece) + 1):
        worker.send_binary(piece)
    await line.until(MOST_HELD // len(piece) + 1)
    assert "without being acknowledged" in told[0]
    assert line.taker.came == [f"gone: the device {told[0]}"]


@pytest.mark.parametrize("typist", ["somebody else", "its own person", ""])
async def test_what_floods_reads_no_more_after_a_turn_while_somebody_else_types(
    line: Line, monkeypatch: pytest.MonkeyPatch, typist: str
) -> None:
    monkeypatch.setattr(shares, "AT_ONCE_S", 0.0)
    monkeypatch.setattr(shares, "OWN_AT_ONCE_S", 0.0)
    loop, keys, reading = asyncio.get_running_loop(), Keys(), list[bool]()
    line.stream.share = Share(keys, "its own person")
    worker, broker = await line.worker()
    line.take(broker)
    line.stream.take_in_a_turn(SHOWN)

    class Flooded(Taker):
        def on_bytes(self, data: bytes) -> None:
            if typist:
                keys.typed(typist)
            loop.call_soon(look)

    def look() -> None:
        """What else the loop has to do, between two turns."""
        assert broker.transport is not None
        reading.append(broker.transport.is_reading())

    line.stream.user = Flooded()
    for _ in range(20):
        worker.send_binary(bytes(SHOWN))
    await line.until(20)
    await asyncio.sleep(0)
    assert reading == [typist != "somebody else"] * 20
