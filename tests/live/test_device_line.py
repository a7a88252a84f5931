"""When a silent control line counts as dead."""

import asyncio

from commands.language import wire
from commands.language.framed import FramedSocket
from server.config import Limits
from server.live.device_line import DeviceLine
from server.live.inventory import Device


class Sessions:
    """Who hears of the line; only what these tests need does anything."""

    def __init__(self) -> None:
        self.has_one = False

    def line_up(self, device: Device, hello: wire.Hello) -> wire.Welcome:
        raise NotImplementedError

    def welcomed(self, device: Device, hello: wire.Hello) -> None:
        raise NotImplementedError

    def line_lost(self, device: Device, reason: str) -> None:
        raise NotImplementedError

    def stream_gone(self, device: Device, gone: wire.Gone) -> None:
        raise NotImplementedError

    def contained(self, device: Device, message: wire.Contained) -> None:
        pass

    def session_ended(self, device: Device, ended: wire.Ended) -> None:
        raise NotImplementedError

    def violated(self, device: Device, what: str) -> None:
        raise NotImplementedError

    def busy(self, device: Device) -> bool:
        return self.has_one


class Socket(FramedSocket):
    """A socket that only notes why it was dropped."""

    def __init__(self) -> None:
        self.reason = ""

    def abort(self, reason: str) -> None:
        self.reason = reason


def last_heard(line: DeviceLine, seconds: float) -> None:
    line._heard = asyncio.get_running_loop().time() - seconds
    line._tick()
    if line._watch is not None:
        line._watch.cancel()


async def test_a_session_that_opens_between_two_slow_beats_does_not_cost_the_line() -> None:
    sessions, socket = Sessions(), Socket()
    line = DeviceLine(socket, Device(id="d", name="web-01"), sessions)
    last_heard(line, Limits.beat_s - 1)
    sessions.has_one = True
    last_heard(line, Limits.beat_s - 1)
    assert socket.reason == ""


async def test_a_device_with_a_session_that_stays_silent_is_dropped() -> None:
    sessions, socket = Sessions(), Socket()
    line = DeviceLine(socket, Device(id="d", name="web-01"), sessions)
    sessions.has_one = True
    last_heard(line, 1)
    last_heard(line, 15)
    assert socket.reason == "silent"
