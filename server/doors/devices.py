"""The device door: mutual TLS 1.3, then one WebSocket per control line and per stream.

1. Handshakes under way are capped: a socket is accepted, waits for its turn, then TLS begins
   (`connect_accepted_socket`; asyncio's own server has no such cap).
2. Who it is says the verified certificate alone, looked up before a byte of it is read; whoever is
   refused is told why, so that `fireline-endpoint check` can say it, and is not listened to.
3. The first frame comes within 5 s and is at most 4 KiB; a second line of one identity is let in
   only when the first does not answer within 2 s.
"""

import asyncio
import logging
import secrets
import socket as sockets
import ssl
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

import msgspec
from websockets.http11 import Request
from websockets.server import ServerProtocol

from commands.language import wire
from commands.language.errors import Refused
from commands.language.framed import FramedSocket
from server.audit import clock
from server.audit.records import LineRefused
from server.identity.leaf import DeviceLeaf, read_leaf
from server.live.budget import Budget
from server.live.device_line import DeviceLine
from server.live.inventory import Device
from server.live.streams import OVER

if TYPE_CHECKING:
    from server.live.rooms import Rooms

FIRST_S = 5.0
HANDSHAKE_S = 5.0
GOODBYE_S = 1.0
BACK_S, RETURNS_A_S = 1.0, 200
"""After an ordered stop: when the first device dials again, and how many do in a second."""
BACKLOG = 4096

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"

log = logging.getLogger(__name__)


class DeviceDoor:
    """Listens for devices."""

    def __init__(self, broker: "Rooms", context: ssl.SSLContext) -> None:
        self.broker, self._context = broker, context
        self._turns = asyncio.Semaphore(broker.config.limits.handshakes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[DeviceConnection] = set()
        self._listener: sockets.socket | None = None
        limits = broker.config.limits
        self.lines = Budget(limits.lines_per_minute, 60.0)
        self._refusals = Budget(limits.refusals_per_hour, 3600.0)

    def listen(self) -> int:
        """Binds and starts accepting; the port."""
        config = self.broker.config
        self._listener = bound(config.device_host, config.device_port)
        self.own(self._accept(self._listener))
        return int(self._listener.getsockname()[1])

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stops accepting and drops every connection; lines are told when to come back."""
        for task in list(self._tasks):
            task.cancel()
        if self._listener is not None:
            self._listener.close()
        lines = [d.line for d in self.broker.inventory.all() if d.line is not None]
        for line in lines:
            line.send(wire.Later(after_s=BACK_S + secrets.randbelow(len(lines)) / RETURNS_A_S))
        for connection in list(self._connections):
            connection.abort("the broker stops")

    def cut(self, device: Device, reason: str) -> None:
        """Ends every connection of a device at once, saying why; nothing more of it is read."""
        for connection in list(self._connections):
            if connection.device is device:
                connection.cut(reason)

    async def _accept(self, listener: sockets.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._turns.acquire()
            try:
                connection, address = await loop.sock_accept(listener)
            except OSError as error:  # out of descriptors: others' ends make room
                log.warning("the device door could not accept: %s", error)
                self._turns.release()
                await asyncio.sleep(0.1)
                continue
            self.own(self._handshake(connection, f"{address[0]}:{address[1]}"))

    async def _handshake(self, connection: sockets.socket, source: str) -> None:
        try:
            connection.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: DeviceConnection(self, source),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            connection.close()
            log.info("no handshake with %s: %s", source, error)
        finally:
            self._turns.release()

    def refused(self, device: Device | None, device_id: str, source: str, reason: str) -> None:
        """Journals a line that was not let in, so many an hour; the last one says that it is."""
        left = self._refusals.spend(device_id, asyncio.get_running_loop().time())
        if left > 0:
            said = reason[:200] if left > 1 else f"{reason[:160]}; more this hour are not recorded"
            self.own(self._record(device, device_id, source, said))

    async def _record(
        self, device: Device | None, device_id: str, source: str, reason: str
    ) -> None:
        await self.broker.journal.broker.append(
            LineRefused(
                device=device_id,
                name=device.name if device is not None else "",
                address=source,
                reason=reason,
            )
        )

    def joined(self, connection: "DeviceConnection") -> None:
        self._connections.add(connection)

    def left(self, connection: "DeviceConnection") -> None:
        self._connections.discard(connection)


class DeviceConnection(FramedSocket):
    """One socket of a device, until its first frame says what it is for."""

    def __init__(self, door: DeviceDoor, source: str) -> None:
        super().__init__(ServerProtocol(max_size=wire.MAX_ITEM))
        self.door, self.source = door, source
        self.device: Device | None = None
        self._leaf: DeviceLeaf | None = None
        self.path = ""
        self._first: asyncio.TimerHandle | None = None
        self.on_event, self.on_text = self._on_event, self._on_first
        self.on_binary = lambda _: self._violate("sent bytes before its first message")
        self.on_violation = self._violate
        self._broke = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        try:
            leaf = read_leaf(tls.getpeercert(binary_form=True) if tls is not None else None)
        except Refused as error:
            self._refuse("", str(error))
            return
        self._leaf = leaf
        self.device = self.door.broker.inventory.valid(leaf.device_id, leaf.serial)
        if self.device is None:
            self._refuse(leaf.device_id, "its certificate is not valid here: revoked or unknown")
            return
        self.door.joined(self)
        loop = asyncio.get_running_loop()
        self._first = loop.call_later(FIRST_S, self._silent)

    def connection_lost(self, error: Exception | None) -> None:
        self.door.left(self)
        if self._first is not None:
            self._first.cancel()
        super().connection_lost(error)

    def cut(self, reason: str) -> None:
        """The last word on this connection is ours, whether the device hears it or not."""
        self.device = None
        self.close(1008, reason[:120])
        asyncio.get_running_loop().call_later(GOODBYE_S, self.abort, reason)

    def data_received(self, data: bytes) -> None:
        if self.device is not None and not self.lost:
            device = self.device
            try:
                super().data_received(data)
            except Exception as error:  # the border: a defect costs the device this connection
                log.exception("what %s sent was not taken", device.name)
                self._violate(f"sent what this broker could not take: {type(error).__name__}")
            broken = cast(ServerProtocol, self.protocol).parser_exc
            if broken is not None and not self._broke:
                self._broke = True
                self._violate(f"broke the WebSocket: {broken}")

    def _silent(self) -> None:
        reason = f"no first message within {FIRST_S:g} s"
        if self.device is not None:
            self.door.refused(self.device, self.device.id, self.source, reason)
        self.abort(reason)

    def _violate(self, what: str) -> None:
        if self.device is not None:
            self.door.broker.sessions.violated(self.device, what)
        self.abort(f"it {what}")

    def _refuse(self, device_id: str, reason: str) -> None:
        device = self.door.broker.inventory.by_id(device_id)
        self.device = None
        self.door.refused(device, device_id, self.source, reason)
        if self.transport is not None:
            # Written unasked: what answers the request it has not made yet stays within TLS.
            body = reason[:300].encode("ascii", "backslashreplace")
            self.transport.write(FORBIDDEN % len(body) + body)
            self.transport.close()
        asyncio.get_running_loop().call_later(GOODBYE_S, self.abort, reason)

    def _on_event(self, event: object) -> None:
        if not isinstance(event, Request) or not isinstance(self.protocol, ServerProtocol):
            return
        self.path = event.path
        if self.path not in ("/control", "/stream"):
            self.protocol.send_response(self.protocol.reject(404, "no such door\n"))
        else:
            self.protocol.send_response(self.protocol.accept(event))
        self.flush()

    def _on_first(self, data: bytes) -> None:
        device = self.device
        if device is None:
            return
        if self._first is not None:
            self._first.cancel()
        try:
            if len(data) > wire.MAX_BEFORE_HELLO:
                raise msgspec.ValidationError("it is longer than 4 KiB")
            if self.path == "/stream":
                self._stream(device, wire.first.decode(data))
            else:
                self._control(device, wire.up.decode(data))
        except (msgspec.DecodeError, RecursionError) as error:
            self._violate(f"sent a first message that is none: {error}")

    def _stream(self, device: Device, first: wire.First) -> None:
        reason = self.door.broker.sessions.streams.dialled(device, first, self)
        if reason is not None:
            if reason != OVER:
                self.door.broker.sessions.violated(device, f"dialled {first.stream}: {reason}")
            self.close(1008, reason)

    def _control(self, device: Device, message: wire.Up) -> None:
        if not isinstance(message, wire.Hello):
            raise msgspec.ValidationError("it is no Hello")
        if message.version != wire.VERSION:
            self._turn_away(
                device,
                f"its shim speaks version {message.version} of the protocol, this broker "
                f"{wire.VERSION}; update the older one",
            )
            return
        if device.line is None:
            self._take_over(device, message)
        else:
            self.pause()
            self.door.own(self._after_ping(device, device.line, message))

    async def _after_ping(self, device: Device, held: DeviceLine, message: wire.Hello) -> None:
        """The first line of this identity answers: this one is a clone. Silent: it takes over."""
        if await held.lives():
            device.clone = f"{self.source} at {clock.now()[:19]}Z"
            self._turn_away(device, "another line of this identity is alive: a cloned device?")
            return
        if device.line is not None:
            device.line.close("a new line took over")
        if not self.lost and self.device is device:
            self._take_over(device, message)
            self.resume()

    def _turn_away(self, device: Device, reason: str) -> None:
        self.door.refused(device, device.id, self.source, reason)
        self.close(1008, reason[:120])

    def _take_over(self, device: Device, hello: wire.Hello) -> None:
        if not self.door.lines.spend(device.id, asyncio.get_running_loop().time()):
            most = self.door.broker.config.limits.lines_per_minute
            self._turn_away(device, f"it had {most} lines within a minute; wait one")
            return
        device.address = self.source
        broker = self.door.broker
        beat_s = broker.config.limits.beat_s
        DeviceLine(self, device, broker.sessions, self._leaf, beat_s).open(hello)


def bound(host: str, port: int) -> sockets.socket:
    """A listening socket that does not block; OSError where the port is taken."""
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    listener = sockets.socket(family, sockets.SOCK_STREAM)
    try:
        listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{host} port {port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener
