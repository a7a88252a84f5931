"""What an SFTP connection changes in one session, as its journal has it: before it happens, and
how it ended. A change that was begun and has no end is one whose outcome is unknown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from commands.language.errors import FirelineError, Unreachable
from server.audit.records import ChangeBegun, ChangeEnded
from server.audit.session import SessionJournal
from server.live.file_record import Tally

What = Literal["write", "mkdir", "rename", "set"]


class ChangeRecord:
    """Numbers the changes of a session and writes both their records."""

    def __init__(self, journal: SessionJournal) -> None:
        self._journal = journal
        self._last = 0

    async def begun(self, what: What, path: str, rule: str, to: str = "") -> int:
        """Durable when this returns."""
        self._last += 1
        number = self._last
        await self._journal.append(ChangeBegun(number, what, path, to, rule))
        return number

    async def ended(
        self, number: int, error: FirelineError | None = None, wrote: Tally | None = None
    ) -> None:
        state = "completed"
        if error is not None:
            state = "interrupted" if isinstance(error, Unreachable) else "failed"
        message = "" if error is None else error.shown()[:2000]
        if wrote is None:
            ended = ChangeEnded(number, state, message, 0, "", [])
        else:
            await wrote.rest()
            ended = ChangeEnded(number, state, message, wrote.bytes, wrote.sha256, wrote.ranges)
        await self._journal.append(ended)

    @asynccontextmanager
    async def of(self, what: What, path: str, rule: str, to: str = "") -> AsyncIterator[None]:
        """Around a change that is done at once."""
        number = await self.begun(what, path, rule, to)
        try:
            yield
        except FirelineError as error:
            await self.ended(number, error)
            raise
        await self.ended(number)
