"""The answers to what the kernel asks: from memory, or from what other threads find out in time.

The thread that answers waits for nothing but the next question: no file on a disk, no lock that a
slower thread holds, no program started. What takes longer is done in other threads (cold.py), and
a question that waits for them has its answer in LIMIT_S all the same.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from endpoint_shim.linux.cold import Cold
from endpoint_shim.linux.fanotify import Group, Question, path_of
from endpoint_shim.linux.reports import Reports
from endpoint_shim.linux.scripts import UNSEEN, Scripts
from endpoint_shim.linux.starters import Starters
from endpoint_shim.linux.verdicts import Judge, Key, Verdict, key_of

LIMIT_S = 1.0
MOST_KNOWN = 8192
MOST_AT_ONCE = 2048
PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.032
CROWDED = "too many programs asked at once to look what this interpreter was given"
Result = TypeVar("Result")


class Waiting:
    """Questions that wait for the same look at something."""

    def __init__(
        self,
        question: Question,
        late: Callable[[], Verdict],
        end: Callable[[Question, Verdict], None],
    ) -> None:
        self.questions = [question]
        self.late, self.end = late, end
        self.let_go = False
        """Some of them were let start, for it took too long."""
        self.until = time.monotonic() + LIMIT_S
        self.pause = PAUSE_S
        """Before the next look at what could not be told yet."""


class Answers:
    """To the questions of one group."""

    def __init__(
        self,
        group: Group,
        judge: Judge,
        starters: Starters,
        scripts: Scripts,
        cold: Cold,
        quick: Cold,
        reports: Reports,
    ) -> None:
        self._group = group
        self._judge = judge
        self._starters = starters
        self._scripts = scripts
        self._cold = cold
        self._quick = quick
        self._reports = reports
        self._known: dict[Key, Verdict] = {}
        self._waiting: dict[object, Waiting] = {}
        self._again: list[tuple[float, Callable[[], None]]] = []
        """What is looked at once more, and when."""

    def forget(self) -> None:
        """Packages have changed: everything is looked at anew."""
        self._known.clear()

    def soonest(self) -> Iterator[float]:
        """When `end_late` is due, on the monotonic clock."""
        yield from (one.until for one in self._waiting.values() if one.questions)
        yield from (at for at, _ in self._again)

    def ask(self, question: Question) -> None:
        """Answers now, or when what has to be looked at is."""
        facts = os.fstat(question.handle)
        key = key_of(facts)
        verdict = self._known.get(key)
        if verdict is not None and (verdict.may or not self._judge.packages.stale()):
            self._file_is(question, verdict)
        elif (waiting := self._waiting.get(key)) is not None and waiting.questions:
            waiting.questions.append(question)
        else:
            path = path_of(question)
            verdict = self._judge.at_once(path, facts)
            if verdict is None:
                self._look_at(key, path, facts, question)
            else:
                if verdict.may:
                    self._keep(key, verdict)
                self._file_is(question, verdict)

    def end_late(self) -> None:
        """Answers what has waited long enough, and looks again at what could not be told yet."""
        now = time.monotonic()
        due = [look for at, look in self._again if at <= now]
        self._again = [(at, look) for at, look in self._again if at > now]
        for look in due:
            look()
        for waiting in list(self._waiting.values()):
            if waiting.until <= now and waiting.questions:
                verdict = waiting.late()
                waiting.let_go = verdict.may
                questions, waiting.questions = waiting.questions, []
                for question in questions:
                    waiting.end(question, verdict)

    def _look_at(self, key: Key, path: bytes, facts: os.stat_result, question: Question) -> None:
        def done(verdict: Verdict) -> None:
            self._keep(key, verdict)
            waiting = self._waiting.pop(key)
            for one in waiting.questions:
                self._file_is(one, verdict)
            if waiting.let_go and not verdict.may:
                self._reports.started(path, verdict.why)

        handle = os.dup(question.handle)
        late = partial(self._judge.if_too_late, path, facts)
        look = partial(_by_content, self._judge, path, handle)
        if not self._waits(key, Waiting(question, late, self._file_is), self._cold, look, done):
            os.close(handle)
            self._file_is(question, late())

    def _file_is(self, question: Question, verdict: Verdict) -> None:
        """What asks, and what an interpreter is given, counts too."""
        verdict = self._asked_for(question, verdict)
        if not (verdict.may and verdict.interprets):
            self._answer(question, verdict)
            return

        key = object()

        def done(found: Verdict | None) -> None:
            waiting = self._waiting[key]
            if found is None and waiting.questions:
                # It still has to get as far as to wait for the answer: the time begins then.
                now = time.monotonic()
                waiting.until = now + LIMIT_S
                self._again.append((now + waiting.pause, again))
                waiting.pause = min(2 * waiting.pause, LONGEST_PAUSE_S)
                return
            del self._waiting[key]
            for one in waiting.questions:
                self._answer(one, found or unread)
            if waiting.let_go and found is not None and not found.may:
                self._reports.started(path, found.why)

        def again() -> None:
            if not self._quick.take(look, done):
                done(self._crowded(question, verdict))

        path = path_of(question)
        facts = os.fstat(question.handle)
        interpreter = facts.st_dev, facts.st_ino
        look = partial(self._scripts.judge, question.thread, interpreter, verdict)
        unread = verdict._replace(why=UNSEEN)
        waiting = Waiting(question, lambda: unread, self._answer)
        if not self._waits(key, waiting, self._quick, look, done):
            self._answer(question, self._crowded(question, verdict))

    def _waits(
        self,
        key: object,
        waiting: Waiting,
        threads: Cold,
        look: Callable[[], Result],
        done: Callable[[Result], None],
    ) -> bool:
        if len(self._waiting) >= MOST_AT_ONCE or key in self._waiting:
            return False
        if not threads.take(look, done):
            return False
        self._waiting[key] = waiting
        return True

    def _crowded(self, question: Question, verdict: Verdict) -> Verdict:
        """Whoever makes a crowd gets nothing by it; the system's own goes on, and is told of."""
        return verdict._replace(may=_is_root(question.thread), why=CROWDED)

    def _asked_for(self, question: Question, verdict: Verdict) -> Verdict:
        return self._starters.may_start(question.thread, verdict) if verdict.may else verdict

    def _answer(self, question: Question, verdict: Verdict) -> None:
        try:
            if not verdict.may:
                self._starters.denied(question.thread)
                self._reports.blocked(path_of(question), verdict.why, question.thread)
            elif verdict.why:
                self._reports.started(path_of(question), verdict.why)
            self._group.answer(question, verdict.may)
        finally:
            os.close(question.handle)

    def _keep(self, key: Key, verdict: Verdict) -> None:
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = verdict


def _by_content(judge: Judge, path: bytes, handle: int) -> Verdict:
    try:
        return judge.by_content(path, handle)
    except OSError as error:
        return Verdict(False, f"its content could not be read ({error.strerror})")
    finally:
        os.close(handle)


def _is_root(thread: int) -> bool:
    """By its own ids: the owner of its folder is root's too where a program hides its memory."""
    try:
        with open(f"/proc/{thread}/status", "rb") as status:
            return any(line.split()[1:5] == [b"0"] * 4 for line in status if line[:4] == b"Uid:")
    except OSError:
        return False
