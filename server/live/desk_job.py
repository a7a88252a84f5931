"""A command that runs at the broker: its items come from `run(desk)`, in a task of its own.

What only repeats a result that is kept already (`status`) is not kept again: its viewer pulls it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from commands.language import items
from commands.language.command import Command, DeskCommand
from commands.language.desk import Desk
from commands.language.errors import Cancelled, Failed, FirelineError
from commands.language.items import Item
from commands.language.line import TypedLine
from server.audit.session import SessionJournal
from server.live.job import Job
from server.store.errors import JournalBroken

log = logging.getLogger(__name__)


class DeskJob(Job):
    """One desk command."""

    def __init__(
        self,
        number: int,
        typed: TypedLine,
        command: Command,
        journal: SessionJournal,
        desk: Desk,
    ) -> None:
        super().__init__(number, typed, command, journal, "")
        self._asked, self._desk = command, desk
        self.on_over: Callable[[Job], None] = lambda job: None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.state = "running"
        if self.spec.kept:
            self._task = asyncio.create_task(self._run())

    async def items(self, follow: bool = True) -> AsyncIterator[items.Item]:
        if self.spec.kept:
            async for item in super().items(follow):
                yield item
            return
        error: FirelineError | None = Cancelled(f"{self.spec.word} was not shown to its end")
        try:
            async for item in self._run_at_desk():
                self.rows += isinstance(item, items.Row)
                yield item
            error = None
        except FirelineError as raised:
            error = raised
        finally:
            await self.finish(error)

    def _run_at_desk(self) -> AsyncIterator[Item]:
        """A device's word comes here only as an action: its row, and then what it gives."""
        if isinstance(self._asked, DeskCommand):
            return self._asked.run(self._desk)
        return self._desk.actions.carry_out(self._asked)

    async def cancel(self) -> str:
        if not self.running:
            return self.too_late()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        # Nobody may be reading it, or its end is being written: either way it is waited for.
        await self.finish(Cancelled(f"{self.spec.word} stopped, #{self.number}"))
        return self.error.shown() if self.error is not None else self.too_late()

    async def _run(self) -> None:
        error: FirelineError | None = None
        try:
            async for item in self._run_at_desk():
                if isinstance(item, bytes):
                    self.feed_bytes(item)
                else:
                    self.feed(item)
        except FirelineError as raised:
            error = raised
        except asyncio.CancelledError:
            error = Cancelled(f"{self.spec.word} stopped, #{self.number}")
        except Exception:  # the runner's border: a defect ends this command, and is logged
            log.exception("%s failed", self.spec.word)
            error = Failed(f"{self.spec.word} failed inside the broker; its log says where")
        with contextlib.suppress(JournalBroken):  # the broker ends then, and tells everybody
            await self.finish(error)
            self.on_over(self)
