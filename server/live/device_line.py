"""The broker's end of a device's one control line: hello, beats, orders down, reports up.

1. The first message is Hello; then everything is decoded into a bounded type. What does not decode,
   or comes out of turn, ends the line and is journaled.
2. Cancel never waits behind bytes: it goes here, not on the stream.
3. What a device said it no longer runs is ended here; what the broker no longer knows is ended
   there (Welcome).
4. A device that does not read is not read: its echoes wait for nobody. One that says more than
   MESSAGES_A_S is cut.
"""

import asyncio
import math
import ssl
import time
from typing import Protocol

import msgspec

from commands.language import wire
from commands.language.framed import FramedSocket
from commands.language.rate import Rate
from server.config import Limits
from server.identity.device_ca import Issued
from server.identity.leaf import DeviceLeaf, read_leaf
from server.live.inventory import Device

BUSY_BEAT_S = 5.0
"""With a session a device beats at least so often."""
MISSED = 2.8
"""Beats that may be missing before the line counts as dead: two, the jitter of one, and a moment. A
device looks for its second missed echo at the third beat."""
MESSAGES, MESSAGES_A_S = 500, 100.0
"""At once and in the long run; a device says two for each stream that ends, and a beat in 5 s."""


class LineUser(Protocol):
    """Who hears of the line: the sessions."""

    def line_up(self, device: Device, hello: wire.Hello) -> wire.Welcome: ...
    def welcomed(self, device: Device, hello: wire.Hello) -> None: ...
    def line_lost(self, device: Device, reason: str) -> None: ...
    def stream_gone(self, device: Device, gone: wire.Gone) -> None: ...
    def session_ended(self, device: Device, ended: wire.Ended) -> None: ...
    def contained(self, device: Device, message: wire.Contained) -> None: ...
    def violated(self, device: Device, what: str) -> None: ...
    def busy(self, device: Device) -> bool: ...


class DeviceLine:
    """One control line, from its Hello on."""

    def __init__(
        self,
        socket: FramedSocket,
        device: Device,
        user: LineUser,
        leaf: DeviceLeaf | None = None,
        beat_s: float = Limits.beat_s,
    ) -> None:
        self.socket, self.device, self.user = socket, device, user
        self.leaf = leaf
        """What its next connection will show, as far as it said."""
        self.renewed: Issued | None = None
        """A further certificate that it was sent, and has not said to have installed."""
        self.renewed_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._heard = asyncio.get_running_loop().time()
        self._beat = self._idle_beat = beat_s
        self._pinged: asyncio.Future[None] | None = None
        self._rate = Rate(MESSAGES, MESSAGES_A_S)

    def open(self, hello: wire.Hello) -> None:
        """Takes over the device: its words are noted, it is welcomed."""
        device, socket = self.device, self.socket
        device.policy = hello.policy
        device.say_facts(hello.facts)
        device.platform, device.shim = hello.facts.platform, hello.shim
        device.declarations = hello.declarations
        device.clock_offset_s = _offset_s(hello.clock_ms)
        socket.on_text, socket.on_lost = self._on_text, self._on_lost
        socket.on_binary = lambda _: self._violate("sent bytes on its control line")
        socket.on_violation = self._violate
        socket.on_writing = lambda may: socket.resume() if may else socket.pause()
        self.send(self.user.line_up(device, hello))
        # From here on others may send on it: a shim takes nothing before its Welcome.
        device.line = self
        self.user.welcomed(device, hello)
        self._tick()

    def send(self, message: wire.Down) -> None:
        self.socket.send_text(wire.encode(message))

    def close(self, reason: str) -> None:
        """Ends it now: who comes next is the device's line from this turn on."""
        self.socket.abort(reason)
        self._on_lost(reason)

    def renew(self, issued: Issued, at: float) -> None:
        """A further certificate for it."""
        self.renewed, self.renewed_at = issued, at
        self.send(wire.Renewed(certificate_pem=issued.pem, serial=issued.serial))

    async def lives(self, within_s: float = 2.0) -> bool:
        """Asks for a beat; whether one came in time."""
        if self.socket.lost:
            return False
        if self._pinged is None or self._pinged.done():
            self._pinged = asyncio.get_running_loop().create_future()
            self.send(wire.Ping())
        done, _ = await asyncio.wait([self._pinged], timeout=within_s)
        return bool(done) and not self.socket.lost

    def _on_text(self, data: bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        if not self._rate.take(self._heard):
            self._violate(f"sent more than {MESSAGES_A_S:g} control messages a second")
            return
        if len(data) > wire.MAX_CONTROL:
            self._violate("sent a control message over 64 KiB")
            return
        try:
            message = wire.up.decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            self._violate(f"sent a control message that is none: {error}")
            return
        self._take(message)

    def _take(self, message: wire.Up) -> None:
        match message:
            case wire.Beat():
                if self._pinged is not None and not self._pinged.done():
                    self._pinged.set_result(None)
                self.send(wire.Echo(number=message.number))
            case wire.Gone():
                self.user.stream_gone(self.device, message)
            case wire.Ended():
                self.user.session_ended(self.device, message)
            case wire.Report():
                if message.facts is not None:
                    self.device.say_facts(message.facts)
                self.device.policy = message.policy or self.device.policy
                if message.clock_ms is not None:
                    self.device.clock_offset_s = _offset_s(message.clock_ms)
            case wire.Contained():
                self.user.contained(self.device, message)
            case wire.Installed():
                self._installed(message.serial)
            case wire.Bye():
                reason = message.reason or "the shim stops"
                self.socket.close(1000, reason)
                # Lost from here on: a device that never ends its half of TLS is none the more here.
                self._on_lost(reason)
            case _:
                self._violate("said hello twice")

    def _installed(self, serial: str) -> None:
        if self.renewed is None or serial != self.renewed.serial:
            self._violate("said to have installed a certificate that it was not sent")
        else:
            self.leaf, self.renewed = read_leaf(ssl.PEM_cert_to_DER_cert(self.renewed.pem)), None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        beat = min(self._idle_beat, BUSY_BEAT_S if self.user.busy(self.device) else math.inf)
        if beat < self._beat:
            self._heard = loop.time()  # it beats faster from now on, and did not have to before
        self._beat = beat
        left = self._heard + MISSED * beat - loop.time()
        if left <= 0:
            self.socket.abort("silent")
            return
        self._watch = loop.call_later(min(left, BUSY_BEAT_S), self._tick)

    def _violate(self, what: str) -> None:
        self.socket.on_text = _ignore  # what came with it is not heard, and not journaled again
        self.user.violated(self.device, what)
        self.socket.abort(f"it {what}")

    def _on_lost(self, reason: str) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._pinged is not None and not self._pinged.done():
            self._pinged.set_result(None)
        if self.device.line is self:
            self.device.line = None
            self.user.line_lost(self.device, reason)


def _ignore(_: bytes) -> None:
    pass


def _offset_s(clock_ms: int) -> float:
    """A claim about another machine's clock: only wall times can be compared."""
    return (clock_ms - time.time() * 1000) / 1000
