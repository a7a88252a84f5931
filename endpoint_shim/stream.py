"""A worker's stream to the broker: one WebSocket at a time, dialled again when it breaks.

1. Every frame counts, both ways, except Dialled, Resume, Resumed, Ack and AckUp.
2. What is unacknowledged is kept; a full window or a slow socket means: stop the source (`room`).
3. A broken stream is dialled again for REDIAL_FOR_S, unless the broker closed it, and goes on with
   nothing lost and nothing doubled. An idle one too: its next command may be on its way.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from commands.language import wire
from commands.language.errors import Unreachable
from commands.language.framed import FramedSocket
from commands.language.window import Got, Sent
from endpoint_shim import dial
from endpoint_shim.backoff import jittered

PING_S = 5.0
SILENT_S = 15.0
ACK_S = 1.0
REDIAL_S = (1.0, 2.0, 5.0)
REDIAL_FOR_S = 70.0
"""As long as the supervisor lets what runs here live without a line."""
RESUMED_S = 5.0
SOON_S = 4.0
"""The broker waits 15 s for a stream: a second try fits, where the first's packets were lost."""
LARGEST = wire.MAX_BYTES + 4096


class Stream:
    """One stream under one id, whatever sockets carry it."""

    def __init__(
        self,
        way: dial.Way,
        places: list[str],
        opening: wire.Open,
        on_message: Callable[[wire.StreamDown], None],
        on_input: Callable[[bytes], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._way = way
        self._places = places
        self._opening = opening
        self._on_message = on_message
        self._on_input = on_input
        self.on_room: Callable[[bool], None] = lambda _: None
        self._socket: FramedSocket | None = None
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._resumed: asyncio.Future[int] | None = None
        self._resuming = False
        """Until the broker says what it has: what comes meanwhile is kept, and sent once."""
        self._sent = Sent()
        self._received = Got()
        self._taken = Got()
        self._said = 0
        self._ack_timer: asyncio.TimerHandle | None = None
        self._ping_timer: asyncio.TimerHandle | None = None
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._closed = False
        self.violated = ""

    @property
    def room(self) -> bool:
        """False: read no more of the source until `on_room` or `wait_room`."""
        return not self._sent.full and (self._socket is None or self._socket.writable)

    def keep_at_most(self, size: int) -> None:
        """So many unacknowledged bytes from now on; more stop the source."""
        self._sent.limit = size
        self._room_changed()

    async def _writable(self) -> None:
        while self._socket is not None and not self._socket.writable:
            self._has_room.clear()
            await self._has_room.wait()

    async def wait_room(self) -> None:
        while not self.room:
            self._has_room.clear()
            await self._has_room.wait()

    async def open(self) -> None:
        """Dials for the first time, twice where nobody answers; raises Unreachable."""
        first = wire.Dialled(stream=self._opening.stream, token=self._opening.token)
        try:
            socket = await self._dial(first, SOON_S)
        except dial.Unanswered:
            socket = await self._dial(first)
        self._use(socket)

    async def keep(self) -> str:
        """Keeps it until the broker closes it or cannot be reached; gives the reason."""
        while True:
            reason = await self._lost
            socket, self._socket = self._socket, None
            told = socket is not None and dial.closed_by_peer(socket)
            if self.violated or self._closed or told or not await self._redial():
                return self.violated or reason

    def send(self, message: msgspec.Struct) -> None:
        self.send_text(msgspec.json.encode(message))

    def send_text(self, frame: bytes) -> None:
        self._sent.add(False, frame)
        if self._socket is not None and not self._resuming:
            self._socket.send_text(frame)

    def send_bytes(self, data: bytes) -> None:
        """One BINARY frame, or several where it is longer than one may be."""
        for start in range(0, len(data), wire.MAX_BYTES):
            piece = data[start : start + wire.MAX_BYTES]
            self._sent.add(True, piece)
            if self._socket is not None and not self._resuming:
                self._socket.send_binary(piece)

    def took(self, size: int) -> None:
        """The command has taken a frame of input."""
        if self._taken.add(size):
            self._acknowledge()
        elif self._ack_timer is None and self._taken.unsaid:
            self._ack_timer = self._loop.call_later(ACK_S, self._acknowledge)

    def violation(self, what: str) -> None:
        self.violated = f"the broker sent {what}"
        if self._socket is not None:
            self._socket.abort(self.violated)

    async def flushed(self) -> None:
        """Waits until what was sent is out of this process, at most RESUMED_S."""
        transport = self._socket.transport if self._socket is not None else None
        if self._socket is not None and transport is not None:
            self._socket.flush()
            # 1, not 0: asyncio's TLS takes an empty buffer for a full one at 0, and says no more.
            transport.set_write_buffer_limits(high=1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESUMED_S):
                    await self._writable()

    def close(self, reason: str) -> None:
        self._cancel_timers()
        self._closed = True
        if self._socket is not None:
            self._socket.close(1000, reason[:100])

    async def _dial(self, first: msgspec.Struct, limit: float = dial.CONNECT_S) -> FramedSocket:
        error = Unreachable("the dial list is empty")
        for place in self._places:
            try:
                socket = await dial.connect(self._way, place, dial.STREAM, LARGEST, limit=limit)
            except Unreachable as failed:
                error = failed
                continue
            socket.send_text(msgspec.json.encode(first))
            return socket
        raise error

    def _use(self, socket: FramedSocket) -> None:
        self._socket = socket
        self._lost = self._loop.create_future()
        lost = self._lost
        socket.on_text = self._text
        socket.on_binary = self._binary
        socket.on_writing = lambda _: self._room_changed()
        socket.on_lost = lambda reason: None if lost.done() else lost.set_result(reason)
        if socket.lost:
            socket.on_lost("closed at once")
        self._ping()

    async def _redial(self) -> bool:
        end = self._loop.time() + REDIAL_FOR_S
        turn = 0
        while self._loop.time() < end:
            await asyncio.sleep(jittered(REDIAL_S[min(turn, len(REDIAL_S) - 1)]))
            turn += 1
            try:
                socket = await self._dial(self._resumption())
            except Unreachable:
                continue
            if (resumed := await self._resume(socket)) is not None:
                return resumed
        return False

    def _resumption(self) -> wire.Resume:
        frames, token = self._received.count, self._opening.token
        stream = self._opening.stream
        return wire.Resume(stream=stream, frames=frames, token="" if frames else token)

    async def _resume(self, socket: FramedSocket) -> bool | None:
        """True: it goes on; False: the broker cannot go on with it; None: try again."""
        self._said = self._received.count
        self._resumed, self._resuming = self._loop.create_future(), True
        self._use(socket)
        either: set[asyncio.Future[Any]] = {self._resumed, self._lost}
        await asyncio.wait(either, timeout=RESUMED_S, return_when="FIRST_COMPLETED")
        resumed, self._resumed = self._resumed, None
        if resumed.done():
            return True
        if not self._lost.done():
            socket.abort("no answer to resume")
            await self._lost
        self._socket = None
        # A Close frame is the broker's answer; a connection that merely broke is tried again.
        return False if dial.closed_by_peer(socket) else None

    def _go_on(self, frames: int) -> None:
        self._resuming = False
        kept = self._sent.after(frames)
        socket = self._socket
        if kept is None or socket is None:
            self.violation(f"a resume from {frames}, which is not kept here")
            return
        for one in kept:
            if one.binary:
                socket.send_binary(one.data)
            else:
                socket.send_text(one.data)
        self._room_changed()

    def _text(self, frame: bytes) -> None:
        try:
            message = wire.stream_down.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.violation(f"a message that is none of a stream's ({error})")
            return
        if isinstance(message, wire.Resumed):
            if self._resumed is None or self._resumed.done():
                self.violation("resumed without being asked")
            else:
                # Now, not when the task wakes: what we send must follow what is kept.
                self._go_on(message.frames)
                self._resumed.set_result(message.frames)
        elif isinstance(message, wire.Ack):
            if self._sent.acknowledge(message.frames):
                self._room_changed()
            else:
                self.violation(f"an acknowledgement of {message.frames} frames")
        else:
            self._received.add(0)
            self.took(len(frame))
            self._on_message(message)

    def _binary(self, data: bytes) -> None:
        self._received.add(0)
        if len(data) > wire.MAX_BYTES:
            self.violation(f"{len(data):,} bytes in one frame")
        else:
            self._on_input(data)

    def _acknowledge(self) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None
        count = self._taken.said()
        if self._socket is not None and count > self._said:
            self._said = count
            self._socket.send_text(msgspec.json.encode(wire.AckUp(frames=count)))

    def _room_changed(self) -> None:
        if self.room:
            self._has_room.set()
        self.on_room(self.room)

    def _ping(self) -> None:
        socket = self._socket
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        if socket is None or socket.lost:
            return
        if self._loop.time() - socket.heard > SILENT_S:
            socket.abort(f"silent for {SILENT_S:g} s")
            return
        socket.ping()
        self._ping_timer = self._loop.call_later(PING_S, self._ping)

    def _cancel_timers(self) -> None:
        for timer in (self._ack_timer, self._ping_timer):
            if timer is not None:
                timer.cancel()
