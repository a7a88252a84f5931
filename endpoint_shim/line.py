"""The control line while one connection of it lives: Hello and Welcome, beats, messages.

1. Beats go out as often as the Welcome says (each 5 s at least while a session is open), jittered;
   two without an echo end it.
2. Every message is decoded into its bounded type; anything else ends the connection.
3. It decides nothing: what a message means is the supervisor's.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable

import msgspec

from commands.language import wire
from commands.language.errors import Unreachable
from commands.language.framed import FramedSocket
from endpoint_shim.backoff import jittered
from endpoint_shim.dial import peer_reason

WELCOME_S = 10.0
BUSY_BEAT_S = 5.0
MISSED_BEATS = 2


class ControlLine:
    """One connection, from its Hello to its loss."""

    def __init__(
        self,
        socket: FramedSocket,
        on_welcome: Callable[[wire.Welcome], None],
        on_message: Callable[[wire.Down], None],
        busy: Callable[[], bool],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._socket = socket
        self._on_welcome = on_welcome
        self._on_message = on_message
        self._busy = busy
        self._welcome: asyncio.Future[wire.Welcome] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self._quicker = asyncio.Event()
        self._beat = 0
        self._echo = 0
        socket.on_text = self._text
        socket.on_binary = lambda _: self._violation("bytes on the control line")
        socket.on_violation = lambda what: socket.abort(f"the broker {what}")
        socket.on_lost = self._on_lost

    async def hello(self, hello: wire.Hello) -> wire.Welcome:
        """Says Hello and waits for the Welcome; raises Unreachable without one."""
        self.send(hello)
        try:
            async with asyncio.timeout(WELCOME_S):
                return await self._welcome
        except TimeoutError:
            self._socket.abort("no welcome")
            raise Unreachable(f"the broker says nothing for {WELCOME_S:g} s after hello") from None

    def send(self, message: wire.Up) -> None:
        self._socket.send_text(wire.encode(message))

    async def beat(self, every: float) -> str:
        """Beats until the connection is lost; gives the reason."""
        loop, due = asyncio.get_running_loop(), math.inf
        while not self.lost.done():
            length = jittered(min(every, BUSY_BEAT_S) if self._busy() else every)
            due = min(due, loop.time() + length)  # sessions may come more often than beats
            self._quicker.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._quicker.wait()
                    continue
            due = math.inf
            if self.lost.done():
                break
            if self._beat - self._echo >= MISSED_BEATS:
                self._socket.abort(f"no echo of {MISSED_BEATS} beats")
                break
            self._send_beat()
        return await self.lost

    def sessions_changed(self) -> None:
        """The interval may be another one now."""
        self._quicker.set()

    def close(self, reason: str) -> None:
        self.send(wire.Bye(reason=reason[:256]))
        self._socket.close(1000, reason[:100])

    def _send_beat(self) -> None:
        self._beat += 1
        self.send(wire.Beat(number=self._beat))

    def _text(self, frame: bytes) -> None:
        try:
            message = wire.down.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._violation(f"a message that is none of the control line's ({error})")
            return
        match message:
            case wire.Welcome():
                if self._welcome.done():
                    self._violation("a second welcome")
                else:
                    self._welcome.set_result(message)
                    # In this very turn: what follows it may stand in the same bytes.
                    self._on_welcome(message)
            case wire.Echo():
                self._echo = max(self._echo, min(message.number, self._beat))
            case wire.Ping():
                self._send_beat()
            case _ if not self._welcome.done():
                self._violation("a message before the welcome")
            case _:
                self._on_message(message)

    def _violation(self, what: str) -> None:
        self._socket.abort(f"the broker sent {what}")

    def _on_lost(self, reason: str) -> None:
        reason = peer_reason(self._socket) or reason
        if not self._welcome.done():
            self._welcome.set_exception(Unreachable(f"the line was closed: {reason}"))
            # Nobody may be waiting for it any more; the reason is in `lost` as well.
            self._welcome.exception()
        if not self.lost.done():
            self.lost.set_result(reason)
        self._quicker.set()
