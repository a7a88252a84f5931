"""A WebSocket as callbacks: websockets' sans-I/O protocol behind an asyncio.Protocol of ours.

1. No task and no queue between the socket and its owner: a frame calls `on_text` or `on_binary`
   in the very turn that its bytes arrive (design.md, section 1: a keystroke).
2. Back-pressure is the transport's: `paused_writing` tells the owner to stop its source, and
   `pause`/`resume` stop reading this socket.
3. Bytes go out in the turn that sends them; texts at the end of it, together: a thousand rows are
   not a thousand packets.
4. The protocol object is given by each side (client or server), so that this module knows only
   the standard library. RFC 6455 is its business, not ours.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LONGEST_REASON = 123
"""RFC 6455, 5.5: 125 bytes, two of which are the code."""
OPEN = 1
"""websockets' State.OPEN: before it nothing can be sent, after it nothing more."""


class SansIO(Protocol):
    """What is used of websockets' `ClientProtocol` and `ServerProtocol`."""

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
        self.heard = 0.0
        self.writable = True
        self._close_reason = ""
        self._lost = False
        self._flushing: asyncio.Handle | None = None

    # What asyncio calls.
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=256 * 1024)
        self.heard = asyncio.get_running_loop().time()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _RECEIVED

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_RECEIVED[:nbytes]))

    def data_received(self, data: bytes) -> None:
        self.heard = asyncio.get_running_loop().time()
        self.protocol.receive_data(data)
        self._events()
        self.flush()

    def eof_received(self) -> None:
        self.protocol.receive_eof()
        self._events()
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(self._close_reason or (str(error) if error else "closed"))

    def pause_writing(self) -> None:
        self.writable = False
        self.on_writing(False)

    def resume_writing(self) -> None:
        self.writable = True
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
        """Stops reading; what came already is still delivered."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

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

    def _events(self) -> None:
        for event in self.protocol.events_received():
            if self._lost:
                return
            opcode = getattr(event, "opcode", None)
            if opcode == BINARY:
                self.on_binary(event.data)
            elif opcode == TEXT:
                self.on_text(event.data)
            elif opcode == CLOSE:
                self._close_reason = self._close_reason or "closed by the other side"
            elif opcode not in (PING, PONG):
                self.on_event(event)

    def _end(self, reason: str) -> None:
        if not self._lost:
            self._lost = True
            self.on_lost(reason)


def _ignore(_: Any) -> None:
    pass
