"""Shows one running command on a client: its items as they come, its progress, its end.

1. A slow client holds up its own showing alone: items are read from the kept result.
2. The progress line is gone before anything else is written.
3. The first Ctrl-C asks the device to stop and waits for its answer; the second stops waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from commands.language.errors import Unreachable
from server.doors.face import Face
from server.doors.progress_line import EVERY_S, ProgressLine
from server.live.job import Job
from server.live.render import Renderer, Shown, Style, error_shown

Outcome = Literal["ended", "behind", "let go"]


Page = Callable[[Shown], Awaitable[bool]]
"""Shows a piece, stopping where the screen is full; False: the person wants no more of it."""


class Following:
    """One command in front of a person, until it ends or is put behind."""

    def __init__(
        self, job: Job, renderer: Renderer, style: Style, face: Face, page: Page | None = None
    ) -> None:
        self.job, self._renderer, self._style, self._face = job, renderer, style, face
        self._page = page or self._plainly
        self._over: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._cancelling: asyncio.Task[None] | None = None
        self._answer: str | None = None
        self._line = ProgressLine(job, renderer, style, face)
        self._paging = False

    async def run(self) -> Outcome:
        """Until the end of the command, or of the showing."""
        reading = asyncio.create_task(self._read())
        ticking = asyncio.create_task(self._tick())
        try:
            waits: set[asyncio.Future[Any]] = {reading, ticking, self._over}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            if ticking.done():
                ticking.result()
            outcome: Outcome = self._over.result() if self._over.done() else "ended"
            if outcome == "ended":
                await self._ended()
            return outcome
        finally:
            await _stop(reading, ticking)
            self._face.redraw("")
            if self._cancelling is not None and not self._cancelling.done():
                await _stop(self._cancelling)

    def interrupt(self) -> None:
        """Ctrl-C."""
        if self._cancelling is None:
            self._note(f"^C stopping on {self.job.where}")
            self._cancelling = asyncio.create_task(self._cancel())
        else:
            self._note(f"no longer waiting; job {self.job.number} may still run")
            self.job.behind = True
            self._leave("let go")

    def put_behind(self) -> None:
        """Ctrl-Z."""
        number = self.job.number
        self.job.behind = True
        self._note(f"job {number} runs behind: fg {number}, status {number}, cancel {number}")
        self._leave("behind")

    def device_lost(self) -> bool:
        """Puts it behind, where it is not being stopped: that has its own answer."""
        if self._cancelling is not None or self._over.done() or not self.job.running:
            return False
        self.job.behind = True
        self._leave("behind")
        return True

    def let_go(self) -> None:
        """The session is taken away from this screen."""
        self.job.behind = True
        self._leave("let go")

    def _leave(self, outcome: Outcome) -> None:
        if not self._over.done():
            self._over.set_result(outcome)

    async def _cancel(self) -> None:
        self._answer = await self.job.cancel()
        if self.job.running:
            error = Unreachable(self._answer)
            self._face.redraw("")
            self._face.show(error_shown(error, self._style, None))
            self.job.behind = True
            self._leave("let go")
        elif not self.job.spec.kept:
            # Its items were pulled by this screen alone, which may wait for the next for ever.
            self._leave("ended")

    async def _read(self) -> None:
        async for item in self.job.items():
            await self._put(self._renderer.item(item))
        if self.job.running:
            await self.job.wait()

    async def _put(self, shown: Shown) -> None:
        if not shown:
            return
        self._face.redraw("")
        self._line.quiet_since = asyncio.get_running_loop().time()
        self._paging = True
        wanted = await self._page(shown)
        self._paging = False
        if not wanted:
            self._page = _not_shown
        await self._face.drain()

    async def _plainly(self, shown: Shown) -> bool:
        self._face.show(shown)
        return True

    async def _tick(self) -> None:
        """What time brings: rows held back long enough, and the progress line."""
        loop = asyncio.get_running_loop()
        draw_at = self._line.began + EVERY_S
        while True:
            wait = draw_at - loop.time()
            if self._renderer.deadline is not None:
                wait = min(wait, self._renderer.deadline - loop.time() + 0.001)
            await asyncio.sleep(max(0.01, wait))
            await self._put(self._renderer.tick())
            now = loop.time()
            if now >= draw_at:
                draw_at = now + EVERY_S
                if not self._paging:
                    self._line.draw(now)

    async def _ended(self) -> None:
        if self._cancelling is not None:
            await self._cancelling
        self._face.redraw("")
        job = self.job
        await self._page(self._renderer.end(job.error, job.took, exit_code=job.exit_code))
        if self._answer is not None and job.error is None:
            self._note(self._answer)

    def _note(self, text: str) -> None:
        self._face.redraw("")
        self._face.show(Shown(out=f"{text}\n".encode()))


async def _not_shown(shown: Shown) -> bool:
    return False


async def _stop(*tasks: asyncio.Task[None]) -> None:
    """Cancels and waits; a task's own failure was looked at before."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
