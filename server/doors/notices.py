"""Whole lines for a person: above the prompt, or held until there is one (console.md, rule 15)."""

from collections.abc import Callable

from server.live.session import Session

MOST = 1000
LONG_JOB = 10.0
URGENT = ("journal ", "session ends")
"""These go into an output and into a shell too: what they tell cannot wait."""


class Notices:
    """`above` writes over the prompt, `now` anywhere; `reading` says whether a prompt stands."""

    def __init__(
        self,
        above: Callable[[str], None],
        now: Callable[[str], None],
        reading: Callable[[], bool],
        bell: Callable[[], bool] = lambda: True,
    ) -> None:
        self._above, self._now, self._reading, self._bell = above, now, reading, bell
        self._held: list[str] = []
        self.session: Session | None = None

    def tell(self, line: str) -> None:
        """One BEL for the end of a job that ran long."""
        line += "\a" if self._bell() and self._was_long(line) else ""
        if self._reading():
            self._above(line)
        elif line.startswith(URGENT):
            self._now(line)
        else:
            self.hold(line)

    def hold(self, line: str) -> None:
        if len(self._held) < MOST:
            self._held.append(line)

    def flush(self) -> None:
        """What was held, before the next prompt."""
        held, self._held = self._held, []
        for line in held:
            self._above(line)

    def _was_long(self, line: str) -> bool:
        words = line.split(" ", 2)
        if words[0] != "job" or len(words) < 3 or not words[1].isdigit() or self.session is None:
            return False
        job = self.session.jobs.get(int(words[1]))
        return job is not None and (job.took or 0.0) > LONG_JOB
