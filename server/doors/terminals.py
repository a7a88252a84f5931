"""Into a device's terminal and back: which one, how it is said, and the key that goes both ways."""

import asyncio
from collections.abc import Callable

from commands.language.visible import visible
from server.doors.client import Client
from server.doors.keys import KeyInput
from server.doors.shell_view import ShellView
from server.live.preferences import KEYS
from server.live.session import Session
from server.live.terminal_job import TerminalJob

RETURN_WITHIN = 0.4
"""Seconds in which the leave key, pressed again, goes back and is sent on."""


class Terminals:
    """The terminals of one console."""

    def __init__(
        self,
        client: Client,
        keys: KeyInput,
        say: Callable[[str], None],
        leave_key: Callable[[], str],
    ) -> None:
        self._client, self._keys, self._say, self._leave_key = client, keys, say, leave_key
        self._view: ShellView | None = None
        self._last: TerminalJob | None = None
        self._left_at = 0.0

    @property
    def still_open(self) -> bool:
        return self._last is not None and self._last.running

    async def view(self, job: TerminalJob, session: Session, sent_on: bytes = b"") -> int:
        """Until the person leaves it or it ends; then its own exit status."""
        if not job.behind:
            self._say(
                f"{job.spec.word} on {job.device}{_as_whom(session)}, recorded; "
                f"{self._key} leaves it running"
            )
        job.behind, self._last = False, job
        view = self._view = ShellView(self._client, job, leave_key=KEYS[self._leave_key()])
        try:
            left = await view.run(self._keys.take(), sent_on)
        finally:
            self._view = None
            self._left_at = view.left_at
            self._keys.put_back(view.typed_after)
        if left == "left":
            job.behind = True
            self._say(
                f"{job.spec.word} {job.number} is still open on {job.device}; {self._shown} or "
                f"fg {job.number} goes back, exit in it ends it"
            )
            return 0
        if job.error is not None:
            raise job.error
        return job.shell_status

    @property
    def _shown(self) -> str:
        """The person's own key, as it is written: `Ctrl-]`."""
        return self._leave_key().capitalize()

    @property
    def _key(self) -> str:
        return "F12" if self._leave_key() == "f12" else f"{self._shown} or F12"

    async def back(self, session: Session | None, key: bytes) -> int:
        """The leave key at the prompt; pressed at once it was meant for the device."""
        running = session.running if session is not None else []
        found = [job for job in running if isinstance(job, TerminalJob)]
        if session is None or not found:
            return 0
        job = self._last if self._last in found else found[-1]
        assert job is not None
        soon = asyncio.get_running_loop().time() - self._left_at <= RETURN_WITHIN
        return await self.view(job, session, key if soon else b"")

    def something_else(self) -> None:
        """Another line was run: a leave key from here on is not the same press again."""
        self._left_at = 0.0

    def leave(self) -> None:
        """The session is taken away from this screen."""
        if self._view is not None:
            self._view.leave()


def _as_whom(session: Session) -> str:
    device = session.device
    user = device.facts.runs_as if device is not None and device.facts is not None else ""
    return f" as {visible(user)}" if user else ""
