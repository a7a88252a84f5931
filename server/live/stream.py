"""The broker's end of one worker's WebSocket: frames in and out, counted, kept until acknowledged.

1. A stream is waited for with a token, opened once within the dial time, and may break and be
   dialled again by the same worker: nothing between is lost or doubled.
2. Frames that count: items, Quiet, Stopping, Answer and bytes from the device; everything but
   Ack and Resumed to it.
3. What the device sends is a claim: a frame that does not decode closes the stream.
4. A paused stream still reads, so that silence is noticed and a worker's pings are answered: what
   comes is held here and not acknowledged, so an honest worker stops at WINDOW; more closes it.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from commands.language import items, wire
from commands.language.framed import A_FILE, FramedSocket
from commands.language.window import Got, Kept, Sent
from server.live.share import Keys, Share

PING_S = 5.0
MISSED = 3
"""Times that, and a stream that says nothing counts as broken."""
ACK = b'{"m":"ack"'
MOST_HELD = wire.WINDOW + 2 * wire.MAX_ITEM
"""A worker looks at its window between two items, and the last one may be as long as any."""


class StreamUser(Protocol):
    """Who runs a command on a stream: its callbacks, in the turn that the bytes arrive."""

    def on_item(self, item: items.Sent) -> None: ...
    def on_bytes(self, data: bytes) -> None: ...
    def on_message(self, message: wire.StreamUp) -> None: ...
    def on_writing(self, may: bool) -> None: ...
    def on_away(self) -> None: ...
    def on_back(self) -> None: ...
    def on_stream_gone(self, reason: str) -> None: ...


class Stream:
    """One stream of one session on one device."""

    def __init__(
        self,
        session: str,
        device_id: str,
        number: int,
        away_s: float,
        keys: Keys,
        ping_s: float = PING_S,
    ) -> None:
        self.id = f"{session}.w{number}"
        self.session = session
        self.device_id = device_id
        self.share = Share(keys, self.id)
        self.token = secrets.token_urlsafe(24)
        self.user: StreamUser | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gone_reason: str | None = None
        self.gone: wire.Gone | None = None
        self.on_violation: Callable[[str], None] = lambda what: None
        self.on_closed: Callable[[Stream], None] = lambda stream: None
        self._socket: FramedSocket | None = None
        self._most = A_FILE
        self._sent, self._got = Sent(), Got()
        self._away_s, self._ping_s = away_s, ping_s
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self.paused = False
        self._held: deque[Kept] = deque()
        self._held_size = 0
        self._giving = False

    @property
    def alive(self) -> bool:
        """Open or broken and waited for; a stream that is gone never comes back."""
        return self.gone_reason is None

    @property
    def away(self) -> bool:
        """Broken, and waited for."""
        return self.alive and self.opened.done() and self._socket is None

    @property
    def never(self) -> wire.Gone:
        """How a command ends that was never sent on it: nothing of it ran."""
        return wire.Gone(stream=self.id, how="never", message=self.gone_reason or "no stream")

    # The door gives it sockets.
    def take(self, socket: FramedSocket, again: bool = False) -> None:
        """The worker dialled and its token was right; `again` after a connection that broke before
        we heard it."""
        self.token = ""
        self._bind(socket)
        if again:
            socket.send_text(wire.encode(wire.Resumed(frames=0)))
        if not self.opened.done():
            self.opened.set_result(None)

    def take_again(self, socket: FramedSocket, frames: int) -> bool:
        """The worker dialled a broken stream again; False if what it lacks is no longer here."""
        lacking = self._sent.after(frames)
        if not self.alive or not self.opened.done() or lacking is None:
            return False
        if self._socket is not None:
            self._socket.abort("the worker dialled anew")
        self._drop_held()  # not counted as got: it is sent again
        self._bind(socket)
        socket.send_text(wire.encode(wire.Resumed(frames=self._got.count)))
        for kept in lacking:
            (socket.send_binary if kept.binary else socket.send_text)(kept.data)
        if self.user is not None:
            self.user.on_back()
        return True

    # The user of the stream.
    def send(self, message: wire.StreamDown) -> None:
        self._add(False, wire.encode(message))

    def send_bytes(self, data: bytes) -> bool:
        """Sends bytes; False: full, wait for `on_writing(True)`."""
        for start in range(0, len(data), wire.MAX_BYTES):
            self._add(True, data[start : start + wire.MAX_BYTES])
        return self.writable

    @property
    def writable(self) -> bool:
        """While it is away too, up to a window: a leave key must still be read behind it."""
        return not self._sent.full and (self._socket is None or self._socket.writable)

    @property
    def unacknowledged(self) -> int:
        """Bytes that the device has not said to have taken."""
        return self._sent.size

    def pause(self) -> None:
        """Gives no more to the user: unacknowledged, the device's worker stops its source."""
        self.paused = True

    def resume(self) -> None:
        """Gives what was held, as far as the user takes it."""
        self.paused = False
        if self._giving:
            return
        self._giving = True
        try:
            while self._held and not self.paused:
                frame = self._held.popleft()
                self._held_size -= len(frame.data)
                self._give(frame.binary, frame.data)
        finally:
            self._giving = False

    def end(self, reason: str) -> None:
        """The stream is over; its user is told once."""
        if self.gone_reason is not None:
            return
        self.gone_reason = reason
        self._drop_held()
        for timer in (self._timer, self._beat):
            if timer is not None:
                timer.cancel()
        if self._socket is not None:
            self._socket.close(1000, reason)
        if not self.opened.done():
            self.opened.set_result(None)
        self.on_closed(self)
        if self.user is not None:
            self.user.on_stream_gone(reason)

    def _add(self, binary: bool, data: bytes) -> None:
        self._sent.add(binary, data)
        if self._socket is not None:
            (self._socket.send_binary if binary else self._socket.send_text)(data)

    def take_in_a_turn(self, most: int) -> None:
        """So many bytes at once, for what uses it from now on; a file's, or what is shown."""
        self._most, self.share.of_files = most, most == A_FILE
        self._got.each = wire.ACK_BYTES if most == A_FILE else wire.SHOWN_ACK_BYTES
        if self._socket is not None:
            self._socket.most = most

    def _bind(self, socket: FramedSocket) -> None:
        self._socket = socket
        socket.most = self._most
        socket.on_text, socket.on_binary = self._on_text, self._on_binary
        socket.on_turn = self.share.took
        socket.on_writing, socket.on_violation = self._on_writing, self._violate
        # One that was dialled anew is lost later than its successor came.
        socket.on_lost = lambda reason: self._on_lost(reason) if self._socket is socket else None
        if self._timer is not None:
            self._timer.cancel()
        self._tick()

    def _tick(self) -> None:
        """Acknowledges what is unsaid, pings, and notices silence; each second while bound."""
        loop = asyncio.get_running_loop()
        socket = self._socket
        if self._beat is not None:
            self._beat.cancel()
        if socket is None or self.gone_reason is not None:
            return
        self._say_ack()
        silent = loop.time() - socket.heard
        if silent > MISSED * self._ping_s:
            socket.abort(f"silent for {MISSED * self._ping_s:g} s")
            return
        if silent > self._ping_s:
            socket.ping()
        self._beat = loop.call_later(1.0, self._tick)

    def _say_ack(self) -> None:
        if self._got.unsaid and self._socket is not None:
            self._socket.send_text(wire.encode(wire.Ack(frames=self._got.said())))

    def _on_text(self, data: bytes) -> None:
        if self.alive and data.startswith(ACK):
            self._give(False, data)  # it is about what we sent, and waits for no reader
        else:
            self._came(False, data)

    def _on_binary(self, data: bytes) -> None:
        self._came(True, data)

    def _came(self, binary: bool, data: bytes) -> None:
        if not self.alive:
            return  # on its way when we closed
        if not self.paused and not self._held:
            self._give(binary, data)
            return
        self._held.append(Kept(binary, data))
        self._held_size += len(data)
        if self._held_size > MOST_HELD:
            self._violate(f"sent {self._held_size:,} bytes without being acknowledged")

    def _drop_held(self) -> None:
        self._held.clear()
        self._held_size = 0

    def _give(self, binary: bool, data: bytes) -> None:
        """To the user, and counted."""
        if binary:
            self._count(len(data))
            if self.user is None:
                self._violate("sent bytes while no command runs")
            else:
                self.user.on_bytes(data)
            return
        try:
            if data.startswith(b'{"item"'):
                item = items.decode(data)
                self._count(len(data))
                if self.user is None:
                    self._violate("sent an item while no command runs")
                else:
                    self.user.on_item(item)
                return
            message = wire.stream_up.decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            self._violate(f"sent a frame that is no message: {error}")
            return
        if isinstance(message, wire.AckUp):
            self._on_ack(message.frames)
            return
        self._count(len(data))
        if self.user is not None:
            self.user.on_message(message)

    def _on_ack(self, frames: int) -> None:
        was_full = self._sent.full
        if not self._sent.acknowledge(frames):
            self._violate(f"acknowledged {frames} frames that were never sent")
        elif was_full and self.writable and self.user is not None:
            self.user.on_writing(True)

    def _count(self, size: int) -> None:
        if self._got.add(size):
            self._say_ack()

    def _violate(self, what: str) -> None:
        self.on_violation(what)
        self.end(f"the device {what}")

    def _on_writing(self, may: bool) -> None:
        if self.user is not None and (not may or self.writable):
            self.user.on_writing(may)

    def _on_lost(self, reason: str) -> None:
        if self.gone_reason is not None:
            return
        self._socket = None
        if self.user is None:
            self.end(reason)
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._away_s, self.end, "the stream did not come back")
        self.user.on_away()
