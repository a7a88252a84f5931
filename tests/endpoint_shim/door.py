"""A broker's device door for the shim's own tests: real TLS and WebSockets, no decisions."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from websockets.http11 import Request
from websockets.server import ServerProtocol

from commands.language import items, wire
from commands.language.framed import FramedSocket
from commands.language.window import Got
from tests.endpoint_shim.authority import Authority
from tests.endpoint_shim.waiting import until

WAIT_S = 20.0
Frame = TypeVar("Frame")


class Peer(FramedSocket):
    """One connection of the device, with everything that came on it, in order."""

    def __init__(self, door: "Door") -> None:
        super().__init__(ServerProtocol(max_size=wire.MAX_ITEM))
        self._door = door
        self.path = ""
        self.came: asyncio.Queue[Any] = asyncio.Queue()
        self.got = Got()
        self.acknowledging = True
        self.on_event = self._request
        self.on_text = self._text
        self.on_binary = self._binary
        self.on_lost = lambda reason: self.came.put_nowait(ConnectionError(reason))

    def say(self, message: msgspec.Struct) -> None:
        self.send_text(msgspec.json.encode(message))

    async def next(self, kind: type[Frame]) -> Frame:
        """The next frame of a kind; frames of other kinds before it are passed over."""
        async with asyncio.timeout(WAIT_S):
            while True:
                frame = await self.came.get()
                if isinstance(frame, kind):
                    return frame
                if isinstance(frame, ConnectionError):
                    raise frame

    async def until_done(self) -> tuple[list[Any], items.Done]:
        """Everything up to the Done, and the Done."""
        before: list[Any] = []
        async with asyncio.timeout(WAIT_S):
            while True:
                frame = await self.came.get()
                if isinstance(frame, items.Done):
                    return before, frame
                if isinstance(frame, ConnectionError):
                    raise frame
                before.append(frame)

    def _request(self, event: Any) -> None:
        assert isinstance(event, Request) and isinstance(self.protocol, ServerProtocol)
        self.path = event.path
        self.protocol.send_response(self.protocol.accept(event))
        self.flush()
        self._door.all.append(self)
        self._door.peers[self.path].put_nowait(self)

    def _text(self, data: bytes) -> None:
        if self.path == "/control":
            message: Any = wire.up.decode(data)
            if isinstance(message, wire.Beat):
                self.say(wire.Echo(number=message.number))
        elif data.startswith(b'{"item"'):
            message = items.decode(data)
        elif data.startswith((b'{"m":"dialled"', b'{"m":"resume"')):
            self.came.put_nowait(wire.first.decode(data))
            return
        else:
            message = wire.stream_up.decode(data)
        if self.path == "/stream" and not isinstance(message, wire.AckUp):
            self._count(len(data))
        self.came.put_nowait(message)

    def _binary(self, data: bytes) -> None:
        self._count(len(data))
        self.came.put_nowait(data)

    def _count(self, size: int) -> None:
        if self.got.add(size) and self.acknowledging:
            self.say(wire.Ack(frames=self.got.said()))


class Door:
    """Listens on loopback; connections are taken one by one with `line` and `stream`."""

    def __init__(self) -> None:
        self.peers: dict[str, asyncio.Queue[Peer]] = {
            "/control": asyncio.Queue(),
            "/stream": asyncio.Queue(),
        }
        self.server: asyncio.Server | None = None
        self.all: list[Peer] = []

    async def listen(
        self, authority: Authority, folder: Path, at: socket.socket | None = None, host: str = ""
    ) -> str:
        """Starts, on loopback or at a socket that is for `host`; gives `host:port`."""
        host = host or "127.0.0.1"
        key, certificate = authority.leaf(client=False, host=host)
        (folder / "door.pem").write_bytes(key + certificate)
        (folder / "door-ca.pem").write_bytes(authority.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "door.pem")
        context.load_verify_locations(folder / "door-ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        loop = asyncio.get_running_loop()
        at = at or socket.create_server(("127.0.0.1", 0))
        self.server = await loop.create_server(lambda: Peer(self), sock=at, ssl=context)
        return f"{host}:{at.getsockname()[1]}"

    async def line(
        self, streams: list[str] | None = None, sessions: list[str] | None = None
    ) -> tuple[Peer, wire.Hello]:
        """The next control line, welcomed."""
        peer = await self._peer("/control")
        hello = await peer.next(wire.Hello)
        peer.say(wire.Welcome(instance="b1", streams=streams or [], sessions=sessions or []))
        return peer, hello

    async def stream(self) -> tuple[Peer, wire.First]:
        """The next stream with its first frame."""
        peer = await self._peer("/stream")
        async with asyncio.timeout(WAIT_S):
            first = await peer.came.get()
        assert isinstance(first, wire.Dialled | wire.Resume)
        return peer, first

    async def close(self) -> None:
        """Stops listening and drops everything."""
        assert self.server is not None
        self.server.close()
        for peer in self.all:
            peer.abort("the test ends")
        await until(lambda: all(peer.lost for peer in self.all))

    async def _peer(self, path: str) -> Peer:
        async with asyncio.timeout(WAIT_S):
            return await self.peers[path].get()
