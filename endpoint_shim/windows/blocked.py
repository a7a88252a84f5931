"""What App Control blocked, from the CodeIntegrity log; wevtutil reads it, and is never waited for.

The same program from the same parent is one line with its number, however often it tried.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from commands.language.visible import visible
from commands.language.wire_contain import MAX_SEEN, Seen
from endpoint_shim.windows import events, tools
from endpoint_shim.windows.events import Event

assert sys.platform == "win32"

LOG, BLOCKED = "Microsoft-Windows-CodeIntegrity/Operational", 3077
EVERY_S, LONGEST_S, LAST_S = 5.0, 20.0, 10.0
MOST = 200
LONGEST = 1000


class Blocked:
    """One log, read from where it stood; `policy` is the name of the policy that is ours."""

    def __init__(self, wevtutil: Path, policy: str) -> None:
        self._program, self._policy = wevtutil, policy.strip("{}").lower()
        self._record = 0
        self._asked_at = float("-inf")
        self._asking: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """From the log's newest event on; waits."""
        words = events.last_words(LOG)
        found = list(events.events(tools.text(tools.ran(self._program, words, LAST_S))))
        self._record = max((one.record for one in found), default=0)

    def seen(self) -> Sequence[Seen]:
        """What came since; a question that is under way is looked at again the next time."""
        now = time.monotonic()
        if self._asking is None:
            if now - self._asked_at >= EVERY_S:
                self._asked_at = now
                self._ask()
            return ()
        try:
            out, _ = self._asking.communicate(timeout=0)
        except subprocess.TimeoutExpired:
            if now - self._asked_at > LONGEST_S:
                self.end()
            return ()
        self._asking = None
        return self._merged([one for one in events.events(tools.text(out)) if self._is_new(one)])

    def end(self) -> None:
        """No question goes on."""
        if self._asking is not None:
            tools.cut_off(self._asking)
            self._asking = None

    def _ask(self) -> None:
        words = events.words(LOG, (BLOCKED,), self._record, MOST)
        self._asking = subprocess.Popen(
            [str(self._program), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=tools.NO_WINDOW,
        )

    def _is_new(self, event: Event) -> bool:
        if event.number != BLOCKED or event.record <= self._record:
            return False
        # Before Windows 10 1903 an event does not say which policy it was: there is only one.
        policy = event.value("PolicyGUID").strip("{}").lower()
        return not policy or policy == self._policy

    def _merged(self, found: list[Event]) -> list[Seen]:
        counted: dict[tuple[str, str], tuple[int, int]] = {}
        for one in found:
            self._record = max(self._record, one.record)
            file = one.value("File Name", "FileNameBuffer")
            parent = one.value("Process Name", "ProcessNameBuffer")
            before = counted.get((file, parent), (0, one.at_ms))
            counted[file, parent] = (before[0] + 1, before[1])
        return [_seen(*key, *value) for key, value in counted.items()][:MAX_SEEN]


def _seen(file: str, parent: str, times: int, at_ms: int) -> Seen:
    often = f" ({times} times)" if times > 1 else ""
    by = f", which {visible(parent)[:LONGEST]} asked for" if parent else ""
    text = f"{visible(file)[:LONGEST]} was not started{by}: Microsoft did not sign it{often}"
    return Seen(at_ms=at_ms, kind="blocked", text=text)
