"""The WebSocket as callbacks, over a real loopback connection with websockets' own protocol."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import websockets.client
import websockets.server
import websockets.uri

from commands.language.framed import FramedSocket


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
