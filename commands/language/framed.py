"""A WebSocket as callbacks: websockets' sans-I/O protocol behind an asyncio.Protocol of ours.

1. No task and no queue between the socket and its owner: a frame calls `on_text` or `on_binary`
   in the very turn that its bytes arrive (design.md, section 1: a keystroke).
2. Back-pressure is the transport's: `paused_writing` tells the owner to stop its source, and
   `pause`/`resume` stop reading this socket.
3. Bytes go out in the turn that sends them; texts at the end of it, together: a thousand rows are
   not a thousand packets.
4. One connection takes FRAMES_A_TURN frames and `most` bytes in a turn of the loop; the rest waits
   for the next turn and reading with it, so that a flood here is not a stall elsewhere. `on_turn`
   may have it wait for longer (server/live/share.py).
5. A peer that floods pings, leaves our pongs unread or sends a message in pieces breaks the rules:
   `on_violation` is told, once, and nothing more of it is taken.
6. The protocol object is given by each side (client or server), so that this module knows only
   the standard library. RFC 6455 is its business, not ours.
"""

import asyncio
import contextlib
from collections.abc import Callable, Generator
from time import monotonic
from typing import Any, Protocol, cast

from commands.language.rate import Rate

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FRAMES_A_TURN = 16
"""The smallest frame is 6 bytes: one read of 256 KiB can hold 43,000, which take 0.4 s."""
PINGS, PINGS_A_S = 100, 10.0
"""Pings and pongs at once and in the long run; an honest side sends one a second, and seldom."""
UNREAD = 32
"""Pongs that may wait for a peer that does not read; silence ends an honest one after ten."""
LONGEST_REASON = 123
"""RFC 6455, 5.5: 125 bytes, two of which are the code."""
OPEN = 1
"""websockets' State.OPEN: before it nothing can be sent, after it nothing more."""


class SansIO(Protocol):
    """What is used of websockets' `ClientProtocol` and `ServerProtocol`."""

    reader: Any

    @property
    def state(self) -> int: ...
    def receive_data(self, data: bytes, /) -> None: ...
    def receive_eof(self) -> None: ...
    def events_received(self) -> list[Any]: ...
    def data_to_send(self) -> list[bytes]: ...
    def send_text(self, data: bytes, /, fin: bool = True) -> None: ...
    def send_binary(self, data: bytes, /, fin: bool = True) -> None: ...
    def send_ping(self, data: bytes, /) -> None: ...
    def send_close(self, code: int | None = None, reason: str = "") -> None: ...
    def fail(self, code: int, reason: str = "") -> None: ...
    def close_expected(self) -> bool: ...


_RECEIVED = memoryview(bytearray(256 * 1024))
"""Where every socket of this process receives: TLS fills it and it is emptied in one turn of the
loop. Without it each read, of a keystroke too, takes 256 KiB from the system and gives it back."""
A_FILE = len(_RECEIVED)
"""So much in a turn costs a file's bytes the least processor time: nobody looks at them here."""
SHOWN = 16 * 1024
"""Bytes that are recorded, filtered and shown in the turn that they come in: with 256 KiB of them a
keystroke elsewhere waited twice as long (`make bench`, flood)."""


class _Turn:
    """How many frames the parser may still take: it asks `at_eof` before each."""

    def __init__(self, reader: Any) -> None:
        self.left = FRAMES_A_TURN
        self._reader, self._at_eof = reader, reader.at_eof
        reader.at_eof = self._ask

    @property
    def behind(self) -> bool:
        """Stopped before what came was through."""
        return self.left <= 0 and bool(self._reader.buffer)

    def _ask(self) -> Generator[None, None, bool]:
        while self.behind:
            yield
        self.left -= 1
        return bool((yield from self._at_eof()))


class FramedSocket(asyncio.BufferedProtocol):
    """One WebSocket connection after or during its handshake.

    `on_event` gets what is no frame (the handshake's request or response) and frames of no
    other callback; `on_lost` is called once, whatever the reason.
    """

    def __init__(self, protocol: SansIO) -> None:
        self.protocol = protocol
        self.transport: asyncio.Transport | None = None
        self.on_event: Callable[[Any], None] = _ignore
        self.on_text: Callable[[bytes], None] = _ignore
        self.on_binary: Callable[[bytes], None] = _ignore
        self.on_lost: Callable[[str], None] = _ignore
        self.on_writing: Callable[[bool], None] = _ignore
        self.on_turn: Callable[[float], float] = lambda seconds: 0.0
        """Told how long a turn took, TLS included; how long nothing more is read."""
        self.on_violation: Callable[[str], None] = lambda what: self.abort(f"it {what}")
        self.heard = 0.0
        self.writable = True
        self.most = A_FILE
        self._began = 0.0
        self._close_reason = ""
        self._lost = False
        self._flushing: asyncio.Handle | None = None
        self._turn = _Turn(protocol.reader)
        self._next: asyncio.Handle | None = None
        self._held = self._over = False
        self._pings = Rate(PINGS, PINGS_A_S)
        self._unread = 0

    # What asyncio calls.
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=256 * 1024)
        self.heard = asyncio.get_running_loop().time()

    def get_buffer(self, sizehint: int) -> memoryview:
        self._began = monotonic()
        return _RECEIVED[: self.most]

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_RECEIVED[:nbytes]))

    def data_received(self, data: bytes) -> None:
        self.heard = asyncio.get_running_loop().time()
        self._turn.left = FRAMES_A_TURN
        self.protocol.receive_data(data)
        self._events()
        self.flush()
        rest = self.on_turn(monotonic() - self._began)
        if rest or self._turn.behind:
            self._later(rest)

    def eof_received(self) -> None:
        self._drain()
        self._turn.left = FRAMES_A_TURN
        self.protocol.receive_eof()
        self._events()
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._not_later()
        self._end(self._close_reason or (str(error) if error else "closed"))

    def pause_writing(self) -> None:
        self.writable = False
        self.on_writing(False)

    def resume_writing(self) -> None:
        self.writable, self._unread = True, 0
        self.on_writing(True)

    # What the owner calls.
    def send_text(self, data: bytes) -> None:
        """Sends one TEXT frame; after the end it does nothing."""
        if self._open():
            self.protocol.send_text(data)
            if self._flushing is None:
                self._flushing = asyncio.get_running_loop().call_soon(self.flush)

    def send_binary(self, data: bytes) -> None:
        """Sends one BINARY frame; after the end it does nothing."""
        if self._open():
            self.protocol.send_binary(data)
            self.flush()

    def ping(self) -> None:
        if self._open():
            self.protocol.send_ping(b"")
            self.flush()

    def pause(self) -> None:
        """Stops reading, and taking what came already."""
        self._held = True
        self._not_later()
        self._read()

    def resume(self) -> None:
        self._held = False
        if self._turn.behind:
            self._later()
        self._read()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes in order; what was sent is flushed first."""
        self._close_reason = self._close_reason or reason
        if self._open():
            # A Close frame has no room for more, and a reason may hold a device's own words.
            said = reason.encode("utf-8", "replace")[:LONGEST_REASON].decode("utf-8", "ignore")
            self.protocol.send_close(code, said)
            self.flush()
        if self.transport is not None:
            self.transport.close()

    def abort(self, reason: str) -> None:
        """Drops the connection at once (a peer that does not read, a violation)."""
        self._over = True
        self._close_reason = self._close_reason or reason
        if self.transport is not None:
            self.flush()
            self.transport.abort()

    def flush(self) -> None:
        """Sends now what is ready: texts of this turn, a handshake's request or response."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        ready = self.protocol.data_to_send()
        if ready:
            transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
        if b"" in ready and transport.can_write_eof():  # websockets' word for the end
            with contextlib.suppress(OSError):  # the other side is gone: it needs no end
                transport.write_eof()
        if self.protocol.close_expected():
            transport.close()

    @property
    def lost(self) -> bool:
        return self._lost

    def _open(self) -> bool:
        return (
            not self._lost
            and self.transport is not None
            and not self.transport.is_closing()
            and self.protocol.state == OPEN
        )

    def _later(self, after: float = 0.0) -> None:
        if self._next is None and not self._held and not self._ending:
            loop = asyncio.get_running_loop()
            self._next = (
                loop.call_later(after, self._go_on) if after else loop.call_soon(self._go_on)
            )
            self._read()

    def _not_later(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _go_on(self) -> None:
        self._next = None
        if self._ending or self.transport is None:
            return
        self._began = monotonic()
        try:
            if self._turn.behind:
                self.data_received(b"")
            self._read()
        except BaseException:  # as asyncio does with what a read raises
            self.transport.abort()
            raise

    def _drain(self) -> None:
        """Takes what is left when no turn comes any more: at most what one read held."""
        left, buffer = -1, self.protocol.reader.buffer
        while self._turn.behind and not self._ending and len(buffer) != left:
            left = len(buffer)
            self.data_received(b"")
        self._not_later()

    @property
    def _ending(self) -> bool:
        return self._over or self._lost or self.transport is None or self.transport.is_closing()

    def _read(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            if self._held or self._next is not None:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def _events(self) -> None:
        for event in self.protocol.events_received():
            if self._lost or self._over:
                return
            opcode = getattr(event, "opcode", None)
            if opcode == CONT or not getattr(event, "fin", True):
                self._break("sent a message in pieces")
            elif opcode == BINARY:
                self.on_binary(event.data)
            elif opcode == TEXT:
                self.on_text(event.data)
            elif opcode == CLOSE:
                self._close_reason = self._close_reason or "closed by the other side"
            elif opcode in (PING, PONG):
                self._pinged(opcode == PING)
            else:
                self.on_event(event)

    def _pinged(self, answered: bool) -> None:
        self._unread += answered and not self.writable
        if not self._pings.take(self.heard):
            self._break(f"sent more than {PINGS_A_S:g} pings a second")
        elif self._unread > UNREAD:
            self._break(f"left more than {UNREAD} answers to its pings unread")

    def _break(self, what: str) -> None:
        self._over = True
        self.on_violation(what)

    def _end(self, reason: str) -> None:
        if not self._lost:
            self._lost = True
            self.on_lost(reason)


def _ignore(_: Any) -> None:
    pass
