"""How far a command is: one line, after half a second, redrawn four times a second at most."""

import asyncio

from commands.language.items import Progress
from server.doors.face import Face
from server.live.job import Job
from server.live.render import Renderer, Shown, Style

AFTER_S = 0.5
EVERY_S = 0.25
QUIET_S = 1.0


class ProgressLine:
    """Of one command; `plain on` gets a line of its own each quarter instead."""

    def __init__(self, job: Job, renderer: Renderer, style: Style, face: Face) -> None:
        self._job, self._renderer, self._style, self._face = job, renderer, style, face
        self.began = asyncio.get_running_loop().time()
        self.quiet_since = self.began
        self._quarter = -2

    def draw(self, now: float) -> None:
        """Looks at it also before it is drawn, so that the first has a rate."""
        if not self._job.running:
            return
        progress, took = self._job.progress, now - self.began
        if progress is not None or now - self.quiet_since > QUIET_S:
            line = self._renderer.progress(progress, took)
            if took >= AFTER_S and not self._style.plain:
                self._face.redraw(line)
            elif took >= AFTER_S and line:
                self._each_quarter(progress, line)

    async def run(self) -> None:
        """Draws it until it is cancelled, where nothing else is shown."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                self.draw(loop.time())
        finally:
            self._face.redraw("")

    def _each_quarter(self, progress: Progress | None, line: str) -> None:
        quarter = -1
        if progress is not None:
            quarter = progress.done * 4 // progress.total if progress.total else 0
        if quarter > self._quarter:
            self._quarter = quarter
            self._face.show(Shown(out=f"{line.replace('…', '...')}\n".encode()))
