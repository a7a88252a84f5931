"""The WebSocket as callbacks, over a real loopback connection with websockets' own protocol."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import websockets.client
import websockets.server
import websockets.uri

from commands.language.framed import FRAMES_A_TURN, PINGS, UNREAD, FramedSocket

MANY = 1000


class Ends:
    """Both ends of one connection, after the handshake."""

    def __init__(self, client: FramedSocket, server: FramedSocket) -> None:
        self.client, self.server = client, server


@asynccontextmanager
async def connection() -> AsyncIterator[Ends]:
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[FramedSocket] = loop.create_future()
    answered: asyncio.Future[Any] = loop.create_future()

    def serve() -> FramedSocket:
        protocol = websockets.server.ServerProtocol()
        socket = FramedSocket(protocol)

        def on_event(request: Any) -> None:
            protocol.send_response(protocol.accept(request))
            socket.flush()
            accepted.set_result(socket)

        socket.on_event = on_event
        return socket

    listener = await loop.create_server(serve, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    protocol = websockets.client.ClientProtocol(websockets.uri.parse_uri(f"ws://{host}:{port}/"))
    _, client = await loop.create_connection(lambda: FramedSocket(protocol), host, port)
    client.on_event = answered.set_result
    protocol.send_request(protocol.connect())
    client.flush()
    await answered
    server = await accepted
    try:
        yield Ends(client, server)
    finally:
        client.abort("the test ends")
        server.abort("the test ends")
        listener.close()
        await listener.wait_closed()


async def test_text_and_bytes_arrive_as_sent_and_in_order() -> None:
    async with connection() as ends:
        got: list[bytes] = []
        done = asyncio.Event()
        ends.server.on_text = got.append

        def on_binary(data: bytes) -> None:
            got.append(data)
            done.set()

        ends.server.on_binary = on_binary
        ends.client.send_text(b'{"a":1}')
        ends.client.send_binary(b"\x00\xff" * 1000)
        await done.wait()
        assert [bytes(data) for data in got] == [b'{"a":1}', b"\x00\xff" * 1000]


async def test_what_was_sent_before_a_close_arrives_and_each_side_is_told_once() -> None:
    async with connection() as ends:
        got: list[bytes] = []
        lost: list[str] = []
        over = asyncio.Event()
        ends.server.on_text = got.append

        def on_lost(reason: str) -> None:
            lost.append(reason)
            over.set()

        ends.server.on_lost = on_lost
        ends.client.send_text(b"last")
        ends.client.close()
        await over.wait()
        assert got == [b"last"] and len(lost) == 1 and ends.server.lost
        ends.server.send_text(b"too late")


async def test_reading_stops_while_paused_and_goes_on_after() -> None:
    async with connection() as ends:
        got: list[bytes] = []
        done = asyncio.Event()

        def on_binary(data: bytes) -> None:
            got.append(data)
            if len(got) == 64:
                done.set()

        ends.server.on_binary = on_binary
        full = asyncio.Event()
        ends.client.on_writing = lambda writable: None if writable else full.set()
        ends.server.pause()
        for _ in range(64):
            ends.client.send_binary(b"x" * 1_000_000)
        await full.wait()
        assert not ends.client.writable and len(got) < 64
        ends.server.resume()
        await done.wait()
        assert sum(map(len, got)) == 64_000_000


async def test_texts_of_one_turn_are_one_write_and_bytes_after_them_stay_after_them() -> None:
    async with connection() as ends:
        writes: list[bytes] = []
        assert ends.client.transport is not None
        ends.client.transport.write = writes.append  # type: ignore[method-assign, assignment]
        for _ in range(3):
            ends.client.send_text(b"{}")
        assert writes == []
        await asyncio.sleep(0)
        assert len(writes) == 1
        ends.client.send_text(b"{}")
        ends.client.send_binary(b"key")
        assert len(writes) == 2


async def test_what_was_said_before_an_abort_still_goes_out() -> None:
    async with connection() as ends:
        got: list[bytes] = []
        over = asyncio.Event()
        ends.server.on_text = got.append
        ends.server.on_lost = lambda reason: over.set()
        ends.client.send_text(b"the last word")
        ends.client.abort("that was all")
        await over.wait()
        assert [bytes(data) for data in got] == [b"the last word"]


async def test_frames_that_come_at_once_are_taken_in_turns_whole_and_in_order() -> None:
    async with connection() as ends:
        loop, got, turns = asyncio.get_running_loop(), list[bytes](), list[int]()
        done = asyncio.Event()

        def on_text(data: bytes) -> None:
            if not got:
                loop.call_soon(look)
            got.append(bytes(data))
            if len(got) == MANY:
                done.set()

        def look() -> None:
            """What else the loop has to do, between two turns."""
            turns.append(len(got))
            if not done.is_set():
                loop.call_soon(look)

        ends.server.on_text = on_text
        for number in range(MANY):
            ends.client.send_text(b"%d" % number)
        await done.wait()
        assert got == [b"%d" % number for number in range(MANY)]
        steps = [after - before for before, after in itertools.pairwise([0, *turns])]
        assert max(steps) <= FRAMES_A_TURN + 1  # the parser was waiting for one already


async def test_what_came_at_once_is_kept_whole_when_the_other_side_closes_behind_it() -> None:
    async with connection() as ends:
        got: list[bytes] = []
        over = asyncio.Event()
        ends.server.on_text = got.append
        ends.server.on_lost = lambda _: over.set()
        for number in range(MANY):
            ends.client.send_text(b"%d" % number)
        ends.client.close()
        await over.wait()
        assert len(got) == MANY


async def test_nothing_that_came_at_once_is_taken_while_paused() -> None:
    async with connection() as ends:
        got: list[bytes] = []
        paused, done = asyncio.Event(), asyncio.Event()

        def on_text(data: bytes) -> None:
            got.append(data)
            if len(got) == 1:
                ends.server.pause()
                paused.set()
            if len(got) == MANY:
                done.set()

        ends.server.on_text = on_text
        for number in range(MANY):
            ends.client.send_text(b"%d" % number)
        await paused.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(got) <= FRAMES_A_TURN + 1
        ends.server.resume()
        await done.wait()


async def test_a_flood_of_pings_breaks_the_rules_once_and_ends_it() -> None:
    async with connection() as ends:
        said, over = list[str](), asyncio.Event()
        break_off = ends.server.on_violation

        def on_violation(what: str) -> None:
            said.append(what)
            break_off(what)

        ends.server.on_violation = on_violation
        ends.server.on_lost = lambda _: over.set()
        for _ in range(10 * PINGS):
            ends.client.protocol.send_ping(b"x")
        ends.client.flush()
        await over.wait()
        assert said == ["sent more than 10 pings a second"]


async def test_pongs_that_the_other_side_leaves_unread_end_it() -> None:
    async with connection() as ends:
        said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        ends.server.on_violation = said.set_result
        ends.client.pause()
        while ends.server.writable:
            ends.server.send_binary(bytes(65_536))
            await asyncio.sleep(0)
        for _ in range(UNREAD + 1):
            ends.client.ping()
        assert await said == "left more than 32 answers to its pings unread"


async def test_a_message_in_pieces_is_not_taken() -> None:
    async with connection() as ends:
        got: list[bytes] = []
        said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        ends.server.on_text, ends.server.on_violation = got.append, said.set_result
        ends.client.protocol.send_text(b"{", fin=False)
        ends.client.flush()
        assert await said == "sent a message in pieces"
        assert got == []
