"""A session's streams: the warm one that its next command takes, and new ones where it has none.

A worker that has ended its command waits for the next: only the first command pays for a start.
"""

from typing import TYPE_CHECKING

from commands.language import wire
from commands.language.errors import Unreachable
from server.live.stream import Stream

if TYPE_CHECKING:
    from server.live.session import Session


class WarmStream:
    """At most one stream of the session waits here."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._warm: Stream | None = None
        self._over = False

    @property
    def id(self) -> str:
        """The stream that the next command will probably take."""
        return self._warm.id if self._warm is not None else ""

    def take(self) -> Stream:
        """The warm stream if it is idle, else a new one; perhaps not dialled yet."""
        warm, self._warm = self._warm, None
        if warm is None or not warm.alive or warm.user is not None:
            warm = self._ask()
        return warm

    async def dialled(self) -> Stream:
        """The same, once the device has dialled it."""
        stream = self.take()
        await stream.opened
        return stream

    def warm_up(self) -> None:
        """Has the device start a worker before the first command asks for one."""
        device = self._session.device
        if self._warm is None and device is not None and device.online:
            self._warm = self._ask()

    def give_back(self, stream: Stream) -> None:
        """Its command has ended: it waits for the next, or is ended where one waits already."""
        if not stream.alive:
            return
        warm = self._warm
        if (warm is None or not warm.alive) and not self._over:
            self._warm = stream
        else:
            self._session.send(wire.Close(stream=stream.id))
            stream.end("no longer needed")

    def close(self) -> None:
        """From here on nothing waits."""
        self._over = True

    def end(self) -> None:
        if self._warm is not None:
            self._warm.end("the session ended")

    def _ask(self) -> Stream:
        session, device = self._session, self._session.device
        if device is None or device.line is None:
            name = device.name if device is not None else "-"
            raise Unreachable(f"{name} is offline; its commands wait for no one")
        stream = session.sessions.streams.expect(session.id, device)
        stream.on_violation = lambda what: session.sessions.violated(device, what)
        device.line.send(wire.Open(session=session.id, stream=stream.id, token=stream.token))
        return stream
