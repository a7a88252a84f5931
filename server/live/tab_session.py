"""The session on a device that Tab asks inside `on NAME …`: opened by its first question.

1. It is judged, counted and told to others like any session, and never takes the last place: who
   comes to work is not refused for a menu. Nobody is asked for a comment by a key.
2. It ends with the next line, with its console, or when no question came for a while.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from commands.language.errors import FirelineError
from server.identity.access import comment_needed
from server.live.inventory import Device
from server.live.responder import Responder
from server.live.slots import has_room_beside

if TYPE_CHECKING:
    from server.live.session import Session
    from server.live.sessions import Sessions

KEPT_S = 10.0
ENDED = "Tab has no more questions"


class TabSession:
    """Of one console; at most one is open."""

    def __init__(self, sessions: "Sessions", responder: Responder) -> None:
        self._sessions, self._responder = sessions, responder
        self._open: Session | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def on(self, device: Device) -> "Session | None":
        """The one that is open on this device."""
        session = self._open
        return session if session and session.device is device and not session.ending else None

    async def opened(self, device: Device) -> "Session | None":
        """The same, opened where it may be; None where Tab may not open one."""
        if self._closed:
            return None
        if self.on(device) is None:
            self.leave()
            if not self._may_open(device):
                return None
            with contextlib.suppress(FirelineError):  # the line says it when it is run
                self._open = await self._sessions.open(self._responder, device.name)
        self._wait_on()
        if self._closed:  # its console went while it was opened
            self.leave()
        return self.on(device)

    def leave(self) -> None:
        """Nothing more is asked of it; a device that is slow to end it holds up no line."""
        session, self._open = self._open, None
        if self._timer is not None:
            self._timer.cancel()
        if session is not None:
            self._sessions.end_soon(session, ENDED)

    def close(self) -> None:
        self._closed = True
        self.leave()

    def _may_open(self, device: Device) -> bool:
        rules, responder = self._sessions.broker.access.rules, self._responder
        silent = comment_needed(rules, responder.person, device.ref, responder.door)
        return (not silent or bool(responder.comment)) and has_room_beside(
            self._sessions, responder.person, device
        )

    def _wait_on(self) -> None:
        session = self._open
        if self._timer is not None:
            self._timer.cancel()
        if session is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(KEPT_S, self._sessions.end_soon, session, ENDED)
