"""All streams that the broker knows: who may dial one, once; who may come back to one."""

import asyncio
import hmac
import sys
from collections import OrderedDict

from commands.language import wire
from commands.language.framed import FramedSocket
from server.live.inventory import Device
from server.live.share import Keys
from server.live.stream import PING_S, Stream

OVER = "the stream has ended"
"""What a worker hears that comes back to a stream that the broker ended meanwhile."""
REMEMBERED = 1000


class Streams:
    """Streams by id. A stream id is a session's; its token is spent by the first frame."""

    def __init__(self, dial_s: float, away_s: float, beat_s: float) -> None:
        self._dial_s, self._away_s, self._beat_s = dial_s, away_s, min(beat_s, PING_S)
        self.keys = Keys()
        self._streams: dict[str, Stream] = {}
        self._numbers: dict[str, int] = {}
        self._over: OrderedDict[str, tuple[str, str]] = OrderedDict()
        """Ended ones: whose, and the token where nobody had dialled yet."""
        self._lowest = sys.maxsize
        """Of the sessions of this broker's life that had a stream."""

    def of_device(self, device_id: str) -> list[Stream]:
        return [s for s in self._streams.values() if s.device_id == device_id]

    def expect(self, session: str, device: Device) -> Stream:
        """A new stream that the device is to dial within the dial time."""
        self._lowest = min(self._lowest, _number(session))
        number = self._numbers.get(session, 0) + 1
        self._numbers[session] = number
        stream = Stream(session, device.id, number, self._away_s, self.keys, self._beat_s)
        stream.on_closed = lambda gone: self._forget(gone)
        self._streams[stream.id] = stream
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._dial_s, self._not_dialled, stream)
        stream.opened.add_done_callback(lambda _: timer.cancel())
        return stream

    def dialled(self, device: Device, first: wire.First, socket: FramedSocket) -> str | None:
        """Gives the socket to its stream; the reason if it may not have one."""
        stream = self._streams.get(first.stream)
        if self._is_over(device, first):
            return OVER
        if stream is None or stream.device_id != device.id:
            return "no such stream of this device"
        if isinstance(first, wire.Resume) and stream.opened.done():
            return None if stream.take_again(socket, first.frames) else "not to be resumed"
        token = stream.token
        if not token or not hmac.compare_digest(token.encode(), first.token.encode()):
            return "the token is not right or was used"
        stream.take(socket, again=isinstance(first, wire.Resume))
        return None

    def _is_over(self, device: Device, first: wire.First) -> bool:
        """Ended while its worker was on its way: an honest device's first dial, or its return."""
        whose, token = self._over.get(first.stream, ("", ""))
        if isinstance(first, wire.Resume) and _number(first.stream) < self._lowest:
            return True  # of a broker that was killed: its workers come back before they are told
        if whose != device.id:
            return False
        if isinstance(first, wire.Resume):
            return True
        if not token or not hmac.compare_digest(token.encode(), first.token.encode()):
            return False
        self._over[first.stream] = whose, ""
        return True

    def session_ended(self, session: str) -> None:
        self._numbers.pop(session, None)

    def _not_dialled(self, stream: Stream) -> None:
        stream.token = ""  # it counted for that long
        stream.end(f"not dialled within {self._dial_s:g} s")

    def _forget(self, stream: Stream) -> None:
        self._streams.pop(stream.id, None)
        self._over[stream.id] = stream.device_id, stream.token
        if len(self._over) > REMEMBERED:
            self._over.popitem(last=False)


def _number(name: str) -> int:
    """That of the session in its name or in a stream's; none is higher than what is none."""
    number = name.removeprefix("S").partition(".")[0]
    return int(number) if number.isdecimal() and number.isascii() else sys.maxsize
